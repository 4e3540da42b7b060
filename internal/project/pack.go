package project

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"

	"postern/internal/snapshot"
)

// packed is what a packed upload has beside its files, as the API takes it.
type packed struct {
	Excludes    []string                  `json:"excludes"`
	Secrets     map[string][]packedSecret `json:"inputSecrets"`
	Strict      bool                      `json:"strict"`
	Environment string                    `json:"environment"`
}

type packedSecret struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Pack writes what a plan depends on of an upload, as the compressed body of an
// import, for Unpack. Its secrets are in clear there: whoever keeps it seals it. Leave for
// secrets to follow to another destination is no part of it.
func Pack(up *snapshot.Upload) ([]byte, error) {
	more := packed{Excludes: up.Excludes, Strict: up.Strict, Environment: up.Environment, Secrets: map[string][]packedSecret{}}
	if more.Excludes == nil {
		more.Excludes = []string{}
	}
	for _, in := range up.Secrets {
		more.Secrets[in.Group] = append(more.Secrets[in.Group], packedSecret{in.ID, in.Name, in.Type, in.Value.Reveal()})
	}
	var out bytes.Buffer
	pack := gzip.NewWriter(&out)
	if err := errors.Join(snapshot.WriteBody(pack, up.Files, more), pack.Close()); err != nil {
		return nil, fmt.Errorf("pack an upload: %w", err)
	}
	return out.Bytes(), nil
}

// Unpack reads what Pack wrote, and we kept: it was within the limits, and it is no
// bomb.
func (s *Service) Unpack(content []byte, maxFiles int) (*snapshot.Upload, error) {
	body, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("unpack an upload: %w", err)
	}
	return s.facts.Decode(body, maxFiles, nil)
}
