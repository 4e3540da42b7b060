package snapshot

import "fmt"

const versionFile = "snapshot.json"

// migrations bring a snapshot from one version of the format to the next; the
// first is from version 1 to 2. What changed between the versions 2 and 5 is
// not published: every file of theirs that is known reads as version 5 has it.
var migrations = []func(Files){
	renameFirstFiles,
	func(Files) {},
	func(Files) {},
	func(Files) {},
}

// renameFirstFiles gives the files of version 1 their later names.
func renameFirstFiles(files Files) {
	rename(files, "environment.json", versionFile)
	doc, err := parse(files["ssoapps.json"])
	if err != nil {
		return
	}
	obj, _ := doc.(map[string]any)
	if apps, ok := obj["ssoApps"]; ok {
		delete(obj, "ssoApps")
		obj["applications"] = apps
		files["ssoapps.json"] = render(obj)
	}
	rename(files, "ssoapps.json", "applications.json")
}

func rename(files Files, from, to string) {
	if content, ok := files[from]; ok {
		delete(files, from)
		files[to] = content
	}
}

// migrate brings an upload to the current version. An upload without a version
// file is of the current one.
func migrate(files Files, ps *problems) {
	file := versionFile
	if _, ok := files[file]; !ok {
		file = "environment.json"
	}
	content, ok := files[file]
	if !ok {
		return
	}
	doc, err := parse(content)
	if err != nil {
		return
	}
	obj, _ := doc.(map[string]any)
	version, ok := obj["version"].(float64)
	switch {
	case !ok || version != float64(int(version)) || version < 1:
		ps.add(Error, file, "/version", CodeVersion, fmt.Sprintf("this server writes version %d", Version), "the format version must be a whole number from 1 on")
		return
	case version > Version:
		ps.add(Error, file, "/version", CodeVersion, "upgrade this server, or export with an older one",
			"the snapshot is of format version %d, this server reads up to version %d", int(version), Version)
		return
	}
	for _, step := range migrations[int(version)-1:] {
		step(files)
	}
	obj["version"] = float64(Version)
	files[versionFile] = render(obj)
}
