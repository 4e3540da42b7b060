package cli

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/client"
	"postern/internal/secret"
	"postern/internal/snapshot"
)

// A secretsFile holds the secrets of a snapshot beside it, in the form of the
// official command line tool: "connector-<id>" and so on, each with the name of
// the entity and its secrets by type.
type secretsFile map[string]secretsEntry

type secretsEntry struct {
	Name    string            `json:"name"`
	Secrets map[string]string `json:"secrets"`
}

// readSecrets reads a secrets file. Values that are still blank are passed over:
// the server says what is missing.
func readSecrets(path string) ([]snapshot.InputSecret, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the caller names the file
	if os.IsNotExist(err) {
		return nil, usage("postern project validate --secrets-output FILE writes one to fill in", "there is no secrets file %s", path)
	}
	if err != nil {
		return nil, err
	}
	list, err := parseSecrets(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// parseSecrets never quotes what it reads.
func parseSecrets(b []byte) ([]snapshot.InputSecret, error) {
	var file secretsFile
	if err := json.Unmarshal(b, &file, json.RejectUnknownMembers(true)); err != nil {
		return nil, usage(`it looks like {"connector-<id>": {"name": "Mail", "secrets": {"password": "…"}}}`, "the file is not a secrets file")
	}
	var list []snapshot.InputSecret
	for _, key := range slices.Sorted(maps.Keys(file)) {
		prefix, id, ok := strings.Cut(key, "-")
		group := snapshot.SecretGroupOf(prefix)
		if !ok || group == "" || id == "" {
			return nil, usage("names begin with connector-, oauthprovider-, outboundapp- or externalauth-", "%q is not the name of an entity with secrets", key)
		}
		for _, kind := range slices.Sorted(maps.Keys(file[key].Secrets)) {
			if value := file[key].Secrets[kind]; value != "" {
				list = append(list, snapshot.InputSecret{Group: group, ID: id, Name: file[key].Name, Type: kind, Value: secret.New(value)})
			}
		}
	}
	return list, nil
}

// writeTemplate writes a secrets file with the secrets that are missing, to be
// filled in. Nobody else may read it, since it will hold them.
func writeTemplate(path string, missing client.MissingSecrets) error {
	file := secretsFile{}
	for _, group := range snapshot.SecretGroups {
		for _, m := range missing[group.Name] {
			key := group.Prefix + "-" + m.ID
			entry, ok := file[key]
			if !ok {
				entry = secretsEntry{Name: m.Name, Secrets: map[string]string{}}
				file[key] = entry
			}
			entry.Secrets[m.Type] = ""
		}
	}
	return writeWhole(path, fs.FileMode(0o600), func(w io.Writer) error {
		if err := json.MarshalWrite(w, file, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
			return err
		}
		_, err := io.WriteString(w, "\n")
		return err
	})
}
