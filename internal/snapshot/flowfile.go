package snapshot

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A flow that is exported alone is one document:
//
//	{"flowId", "metadata", "contents", "screens": […], "references"}
//
// In a snapshot it is a folder: metadata.json, contents.json, and a file for
// each screen. The references stand in the metadata there, beside the list of
// the screens' files. Both say the same, and each can be made of the other.

// The files of the folder of a flow.
const (
	flowMetadata = "metadata.json"
	flowContents = "contents.json"
	screenPrefix = "screen-"
	screenSuffix = ".json"
)

// exportedFlow is what a problem of such a document is reported in.
const exportedFlow = "flow.json"

// IsFlow reports whether a document is a flow that was exported alone.
func IsFlow(doc []byte) bool {
	v, err := parse(doc)
	_, ok := child(v, "flowId").(string)
	return err == nil && ok && child(v, "contents") != nil
}

// IsFlowFolder reports whether files are those of a single flow.
func IsFlowFolder(files Files) bool {
	return files[flowMetadata] != nil && files[flowContents] != nil && files[versionFile] == nil
}

// UnpackFlow makes the folder of a flow of its export.
func UnpackFlow(doc []byte) (id string, files Files, problems []Problem) {
	ps := &problemsOf{file: exportedFlow}
	content, ok := canonical(exportedFlow, jsontext.Value(doc).Clone(), &ps.problems)
	if !ok {
		return "", nil, ps.sorted()
	}
	v, err := parse(content)
	flow, isObject := v.(map[string]any)
	if err != nil || !isObject {
		ps.error("", CodeFileType, "the export of a flow is an object")
		return "", nil, ps.sorted()
	}
	id = ps.flowID(flow)
	metadata, contents := ps.object(flow, "metadata"), ps.object(flow, "contents")
	for _, k := range sortedKeys(flow) {
		if !slices.Contains([]string{"flowId", "metadata", "contents", "screens", "references"}, k) {
			ps.error("/"+escapePointer(k), CodeUnknownKey, "the key is not known, and would be lost")
		}
	}
	if references, there := flow["references"]; there && metadata != nil {
		if _, twice := metadata["references"]; twice {
			ps.error("/metadata/references", CodeDuplicate, "the references are there twice, here and beside the metadata")
		}
		metadata["references"] = references
	}
	files = Files{}
	ps.unpackScreens(flow, metadata, contents, files)
	if len(ps.list) > 0 {
		return "", nil, ps.sorted()
	}
	files[flowMetadata], files[flowContents] = render(metadata), render(contents)
	return id, files, nil
}

// problemsOf collects the problems of one file.
type problemsOf struct {
	problems
	file string
}

func (ps *problemsOf) error(pointer string, code Code, message string) {
	ps.add(Error, ps.file, pointer, code, "", "%s", message)
}

func (ps *problemsOf) flowID(flow map[string]any) string {
	id, _ := flow["flowId"].(string)
	if fault := pathFault(id); fault != "" || strings.Contains(id, "/") || strings.HasPrefix(id, ".") {
		ps.error("/flowId", CodePath, "the id of the flow cannot be the name of a folder")
	}
	return id
}

func (ps *problemsOf) object(doc map[string]any, member string) map[string]any {
	obj, ok := doc[member].(map[string]any)
	if !ok {
		ps.error("/"+member, CodeType, "must be an object")
	}
	return obj
}

// unpackScreens makes a file of each screen, and the list of them.
func (ps *problemsOf) unpackScreens(flow, metadata, contents map[string]any, files Files) {
	given, there := flow["screens"]
	if !there {
		if metadata["screens"] != nil {
			ps.error("/metadata/screens", CodeListed, "names screens, but there are none")
		}
		return
	}
	screens, ok := given.([]any)
	if !ok {
		ps.error("/screens", CodeType, "must be a list")
		return
	}
	ids := make([]string, len(screens))
	for i, s := range screens {
		ids[i], _ = child(s, "screenId").(string)
		if _, ok := s.(map[string]any); !ok || ids[i] == "" || slices.Contains(ids[:i], ids[i]) {
			ps.error("/screens/"+number(float64(i)), CodeRequired, "must be an object with a screenId of its own")
			return
		}
	}
	slugs, ok := ps.slugs(metadata, ids, contents)
	if !ok || metadata == nil {
		return
	}
	for i, s := range screens {
		path := screenPrefix + slugs[i] + screenSuffix
		if pathFault(path) != "" || strings.Contains(path, "/") {
			ps.error("/screens/"+number(float64(i))+"/screenId", CodePath, "the screen cannot be the name of a file")
			continue
		}
		files[path] = render(s)
	}
	if _, given := metadata["screens"]; !given && slices.IsSorted(ids) {
		slices.Sort(slugs)
	}
	metadata["screens"] = toAny(slugs)
}

// slugs are the names of the files of screens: those that PackFlow left in the
// metadata, or those that follow from the tasks.
func (ps *problemsOf) slugs(metadata map[string]any, ids []string, contents any) ([]string, bool) {
	given, there := metadata["screens"]
	if !there {
		return screenSlugs(ids, screenNames(contents)), true
	}
	list, _ := given.([]any)
	var out []string
	folded := map[string]bool{}
	for _, item := range list {
		if s, _ := item.(string); s != "" && !folded[fold(s)] {
			out, folded[fold(s)] = append(out, s), true
		}
	}
	if len(out) != len(ids) || len(list) != len(ids) {
		ps.error("/metadata/screens", CodeListed, "must name each screen once")
		return nil, false
	}
	return out, true
}

// PackFlow makes the export of a flow of its folder. assets are those of the
// snapshot around it; what refers to them gets their texts.
func PackFlow(id string, files, assets Files) ([]byte, []Problem) {
	ps := &problems{}
	all := Files{}
	for _, path := range files.Paths() {
		all[path] = files[path]
	}
	for path, content := range assets {
		all[assetsFolder+path] = content
	}
	inlineAssets(&Upload{Files: all}, ps)
	metadata, _ := parseObject(all[flowMetadata])
	contents, _ := parseObject(all[flowContents])
	if metadata == nil || contents == nil {
		ps.add(Error, flowMetadata, "", CodeListed, "", "the folder of a flow has a metadata.json and a contents.json")
		return nil, ps.sorted()
	}
	out := map[string]any{"flowId": id, "metadata": metadata, "contents": contents}
	if references, there := metadata["references"]; there {
		out["references"] = references
		delete(metadata, "references")
	}
	packScreens(all, metadata, contents, out, ps)
	if Failed(ps.list) {
		return nil, ps.sorted()
	}
	return render(out), nil
}

// packScreens puts the screens into an export, in the order of their ids where
// the folder has its list in order, too. The names of their files stay in the
// metadata only where they do not follow from the tasks.
func packScreens(files Files, metadata, contents, out map[string]any, ps *problems) {
	list, there := metadata["screens"].([]any)
	if !there && metadata["screens"] != nil {
		ps.add(Error, flowMetadata, "/screens", CodeType, "", "must be a list")
		return
	}
	var screens []any
	var ids, slugs []string
	used := map[string]bool{flowMetadata: true, flowContents: true}
	for i, item := range list {
		slug, _ := item.(string)
		path := screenPrefix + slug + screenSuffix
		screen, err := parseObject(files[path])
		id, _ := child(screen, "screenId").(string)
		if err != nil || id == "" || used[path] || slices.Contains(ids, id) {
			ps.add(Error, flowMetadata, "/screens/"+number(float64(i)), CodeListed, "", "must name the file of a screen, %s, that has a screenId of its own", printablePath(path))
			continue
		}
		used[path] = true
		screens, ids, slugs = append(screens, screen), append(ids, id), append(slugs, slug)
	}
	for _, path := range files.Paths() {
		if !used[path] && !strings.HasPrefix(path, assetsFolder) {
			ps.add(Error, path, "", CodeUnlisted, "list it in "+flowMetadata+", or remove it", "the file is no part of the flow, and would be lost")
		}
	}
	if !there || Failed(ps.list) {
		return
	}
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	sorted := slices.IsSorted(slugs)
	if sorted {
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(ids[a], ids[b]) })
	}
	follows := screenSlugs(reordered(ids, order), screenNames(contents))
	if (sorted || !slices.IsSorted(ids)) && slices.Equal(reordered(slugs, order), follows) {
		delete(metadata, "screens")
		screens = reordered(screens, order)
	}
	out["screens"] = append([]any{}, screens...)
}

func reordered[T any](list []T, order []int) []T {
	out := make([]T, len(list))
	for i, n := range order {
		out[i] = list[n]
	}
	return out
}

func parseObject(doc []byte) (map[string]any, error) {
	v, err := parse(doc)
	obj, _ := v.(map[string]any)
	return obj, err
}

// Listed returns the names that an index lists, by the path of the index in a
// snapshot.
func Listed(path string, doc []byte) []string {
	at, ok := locate(path)
	if !ok || at.File.Lists == "" {
		return nil
	}
	return names(doc, at.File)
}
