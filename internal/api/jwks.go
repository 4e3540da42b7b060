package api

import (
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/ident"
	"postern/internal/key"
	"postern/internal/project"
)

// projectPath is the member of a path that names the project.
type projectPath struct {
	Project string `json:"projectId"`
}

// wireJWK is a public key (RFC 7517 §4).
type wireJWK struct {
	Type      string `json:"kty"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// wireJWKS is a key set. It has no other member: a client in Go reads each member
// as a list of keys.
type wireJWKS struct {
	Keys []wireJWK `json:"keys"`
}

// wireDiscovery is what a verifier asks for of an issuer (OpenID Connect Discovery
// 1.0 §3). It names no endpoint that there is not.
type wireDiscovery struct {
	Issuer     string   `json:"issuer"`
	Keys       string   `json:"jwks_uri"`
	Responses  []string `json:"response_types_supported"`
	Subjects   []string `json:"subject_types_supported"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	Claims     []string `json:"claims_supported"`
}

// wireServer describes an authorization server (RFC 8414 §2). There is no endpoint of
// OAuth yet, so that none is named and nothing is supported: a client must not come
// to think that it can get tokens here.
type wireServer struct {
	Issuer    string   `json:"issuer"`
	Keys      string   `json:"jwks_uri"`
	Responses []string `json:"response_types_supported"`
	Grants    []string `json:"grant_types_supported"` // without it a reader takes two for supported
}

type wireProjectConfiguration struct {
	InFrames bool `json:"allowAuthHostingIframeEmbedding"`
}

// named returns the configuration of the project that a path names.
func (s *Server) named(r *http.Request) (*project.Config, error) {
	id := r.PathValue("projectId")
	if !ident.Valid("P", id) {
		return nil, project.ErrNotFound
	}
	return s.Projects.Running(r.Context(), id)
}

// publicKeys writes a document made of the keys of the project that a path names.
func (s *Server) publicKeys(w http.ResponseWriter, r *http.Request, document func(*key.Ring) (any, error)) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	ring, err := s.Sessions.Keys.Look(r.Context(), c.Project)
	if err != nil {
		return err
	}
	text, err := document(ring)
	if err != nil {
		return err
	}
	// Shorter than a new key is published before it signs.
	w.Header().Set("Cache-Control", "public, max-age=10")
	return writeJSON(w, http.StatusOK, text)
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) error {
	return s.publicKeys(w, r, func(ring *key.Ring) (any, error) {
		list := []any{}
		for _, k := range ring.Public() {
			list = append(list, jwkOnWire{k})
		}
		return map[string]any{"keys": list}, nil
	})
}

func (s *Server) signingKey(w http.ResponseWriter, r *http.Request) error {
	return s.publicKeys(w, r, func(ring *key.Ring) (any, error) {
		k, err := ring.Signing()
		return jwkOnWire{k}, err
	})
}

// jwkOnWire writes a key as its own library does.
type jwkOnWire struct{ json.Marshaler }

// MarshalJSONTo writes the key.
func (k jwkOnWire) MarshalJSONTo(to *jsontext.Encoder) error {
	b, err := k.MarshalJSON()
	if err != nil {
		return err
	}
	return to.WriteValue(b)
}

func (s *Server) discovery(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wireDiscovery{
		Issuer: s.Sessions.IssuerURL(c.Project, baseOf(r)), Keys: s.keysURL(c.Project, r),
		Responses: []string{"code"}, Subjects: []string{"public"}, Algorithms: []string{string(key.Algorithm)},
		Claims: []string{"iss", "aud", "iat", "exp", "sub"},
	})
}

func (s *Server) authorizationServer(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wireServer{
		Issuer: s.Sessions.IssuerURL(c.Project, baseOf(r)), Keys: s.keysURL(c.Project, r), Responses: []string{}, Grants: []string{},
	})
}

// keysURL is where the public keys of a project are.
func (s *Server) keysURL(project string, r *http.Request) string {
	return s.Sessions.Base(baseOf(r)) + "/" + project + "/.well-known/jwks.json"
}

func (s *Server) projectConfiguration(w http.ResponseWriter, r *http.Request) error {
	c, err := s.named(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wireProjectConfiguration{InFrames: c.Settings.AuthHostingInFrames})
}
