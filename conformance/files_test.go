package conformance

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descope/go-sdk/descope"
	"github.com/google/go-cmp/cmp"
)

const (
	exampleDir  = "../examples/shop"
	secretsFile = "../examples/shop.secrets.json"
	realDir     = "../../shared/snapshots/full" // real data that is not ours to publish; absent in most places

	// placeholder stands in an export where a secret is stored. It says the same as an empty text: no value here.
	placeholder = "PLACEHOLDER_VALUE"
)

// files is a snapshot as it travels: path to object, or to text.
type files = map[string]any

// readFolder reads a snapshot folder the way the command line tool does.
func readFolder(t *testing.T, dir string) files {
	t.Helper()
	found := files{}
	err := filepath.WalkDir(dir, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); full != dir && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "__MACOSX")) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		value, err := readFile(full)
		if err != nil || value == nil {
			return err
		}
		relative, err := filepath.Rel(dir, full)
		found[filepath.ToSlash(relative)] = value
		return err
	})
	if err != nil {
		t.Fatalf("read the snapshot %s: %v", dir, err)
	}
	if found["snapshot.json"] == nil {
		t.Fatalf("%s holds no snapshot.json", dir)
	}
	return found
}

// readFile is nil for a kind of file that does not travel.
func readFile(full string) (any, error) {
	data, err := os.ReadFile(full)
	if err != nil {
		return nil, err
	}
	switch filepath.Ext(full) {
	case ".json":
		var object map[string]any
		if err := json.Unmarshal(data, &object); err != nil {
			return nil, &fs.PathError{Op: "parse", Path: full, Err: err}
		}
		return object, nil
	case ".txt", ".html":
		return string(data), nil
	case ".png", ".jpg", ".svg", ".webp":
		return base64.StdEncoding.EncodeToString(data), nil
	}
	return nil, nil
}

// copyOf is a deep copy in plain JSON types, which a test may change.
func copyOf[T any](t *testing.T, value T) T {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var made T
	if err := json.Unmarshal(data, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// canonical takes out what may differ between two equal snapshots: how a stored secret is marked, and the line end that
// the command line tool puts after a text.
func canonical(t *testing.T, given files) files {
	t.Helper()
	made := copyOf(t, given)
	for name, value := range made {
		if text, ok := value.(string); ok {
			if ext := path.Ext(name); ext == ".txt" || ext == ".html" {
				made[name] = strings.TrimSuffix(text, "\n")
			}
			continue
		}
		made[name] = blanked(value)
	}
	return made
}

func blanked(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = blanked(member)
		}
	case []any:
		for i, member := range value {
			value[i] = blanked(member)
		}
	case string:
		if value == placeholder {
			return ""
		}
	}
	return value
}

// wantSameFiles compares two snapshots file by file.
func wantSameFiles(t *testing.T, what string, want, got files) {
	t.Helper()
	want, got = canonical(t, want), canonical(t, got)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, there := got[name]
		if !there {
			t.Errorf("%s: %s is missing", what, name)
			continue
		}
		if diff := cmp.Diff(want[name], value); diff != "" {
			t.Errorf("%s: %s differs (-want +got)\n%.3000s", what, name, diff)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[name]; !there {
			t.Errorf("%s: %s was not expected", what, name)
		}
	}
}

// readSecrets reads a secrets file: as the command line tool writes it ("connector-<id>": {name, secrets: {type: value}})
// or as it travels ({connectors: [{id, name, type, value}]}).
func readSecrets(t *testing.T, file string) *descope.SnapshotSecrets {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := parseSecrets(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(secretIDs(secrets)) == 0 {
		t.Fatalf("%s holds no secret", file)
	}
	return secrets
}

func parseSecrets(data []byte) (*descope.SnapshotSecrets, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	secrets := &descope.SnapshotSecrets{}
	if _, wire := members["connectors"]; wire {
		return secrets, json.Unmarshal(data, secrets)
	}
	for name, raw := range members {
		var entry secretEntry
		if err := json.Unmarshal(raw, &entry); err != nil {
			return nil, err
		}
		prefix, id, _ := strings.Cut(name, "-")
		list := map[string]*[]*descope.SnapshotSecret{
			"connector": &secrets.Connectors, "oauthprovider": &secrets.OAuthProviders, "outboundapp": &secrets.OutboundApps,
		}[prefix]
		if list == nil {
			return nil, errors.New(name + " is of a kind that no SDK can send")
		}
		for kind, value := range entry.Secrets {
			*list = append(*list, &descope.SnapshotSecret{ID: id, Name: entry.Name, Type: kind, Value: value})
		}
	}
	return secrets, nil
}

type secretEntry struct {
	Name    string            `json:"name"`
	Secrets map[string]string `json:"secrets"`
}

// secretIDs names each secret of a set, sorted: which list, which entity, which secret of it.
func secretIDs(secrets *descope.SnapshotSecrets) []string {
	var ids []string
	eachSecret(secrets, func(list string, secret *descope.SnapshotSecret) {
		ids = append(ids, list+"/"+secret.ID+"/"+secret.Name+"/"+secret.Type)
	})
	slices.Sort(ids)
	return ids
}

func secretValues(secrets *descope.SnapshotSecrets) []string {
	var values []string
	eachSecret(secrets, func(_ string, secret *descope.SnapshotSecret) {
		// Shorter ones occur by chance in any text.
		if len(secret.Value) >= 8 {
			values = append(values, secret.Value)
		}
	})
	return values
}

func eachSecret(secrets *descope.SnapshotSecrets, visit func(list string, secret *descope.SnapshotSecret)) {
	if secrets == nil {
		return
	}
	for list, entries := range map[string][]*descope.SnapshotSecret{
		"connectors": secrets.Connectors, "oauthProviders": secrets.OAuthProviders, "outboundApps": secrets.OutboundApps,
	} {
		for _, secret := range entries {
			visit(list, secret)
		}
	}
}
