package project

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
	"postern/internal/store"
)

// A Config is the compiled configuration of a project: what request handlers
// read instead of the files. It is made before a revision is stored, so what
// would not run is never stored, and it never changes.
type Config struct {
	Project  string
	Revision int64
	Digest   snapshot.Digest
	Settings Settings

	source snapshot.Digest // of the file that Settings are read from; zero for none
}

// Settings are those of project.json that the server acts on.
type Settings struct {
	TrustedDomains         []string
	SelfProvisioning       bool
	RotateRefreshTokens    bool
	RefreshTokenLifetime   time.Duration
	SessionTokenLifetime   time.Duration
	StepUpTokenLifetime    time.Duration
	AccessKeyTokenLifetime time.Duration
	TestUsers              *regexp.Regexp // login ids of test users; nil for none
	TestVerifiers          *regexp.Regexp // those that may use the fixed code; nil for none
}

// settingsFile is project.json, read loosely: the schema has checked it.
type settingsFile struct {
	TrustedDomains  string  `json:"trustedDomains"`
	SelfProvision   *bool   `json:"projectSelfProvisioning"`
	Rotate          bool    `json:"rotateJwt"`
	Refresh         float64 `json:"refreshTokenExpiration"`
	RefreshUnit     string  `json:"refreshTokenExpirationUnit"`
	Session         float64 `json:"sessionTokenExpiration"`
	SessionUnit     string  `json:"sessionTokenExpirationUnit"`
	StepUp          float64 `json:"stepupTokenExpiration"`
	StepUpUnit      string  `json:"stepupTokenExpirationUnit"`
	AccessKey       float64 `json:"keySessionTokenExpiration"`
	AccessKeyUnit   string  `json:"keySessionTokenExpirationUnit"`
	TestUsers       string  `json:"testUserRegex"`
	TestVerifierExp string  `json:"testUserFixedAuthVerifierRegex"`
}

const settingsPath = "project.json"

// compile makes the configuration that an outcome would be; base is what the
// outcome was held against.
func (s *Service) compile(st *state, base snapshot.Base, out *snapshot.Outcome) (*Config, []snapshot.Problem, error) {
	c := &Config{Project: st.project.ID, Revision: st.revision.Number, Digest: out.Tree.Digest()}
	digest, ok := out.Tree[settingsPath]
	if was, known := s.configs.Load(st.project.ID); known && was.(*Config).source == digest {
		c.Settings, c.source = was.(*Config).Settings, digest
		return c, nil, nil // one that is kept compiled without a problem
	}
	c.source = digest
	var content []byte
	if ok {
		if content, ok = out.Fresh[digest]; !ok {
			loaded, err := base.Load([]snapshot.Digest{digest})
			if err != nil {
				return nil, nil, err
			}
			content = loaded[digest]
		}
	}
	var problems []snapshot.Problem
	c.Settings, problems = compileSettings(content)
	return c, problems, nil
}

// compileSettings reads project.json; no content gives the defaults.
func compileSettings(content []byte) (Settings, []snapshot.Problem) {
	var in settingsFile
	var problems []snapshot.Problem
	note := func(pointer, message, hint string) {
		problems = append(problems, snapshot.Problem{
			File: settingsPath, Pointer: pointer, Code: snapshot.CodeRule, Level: snapshot.Error, Message: message, Hint: hint,
		})
	}
	if content != nil {
		if err := json.Unmarshal(content, &in); err != nil {
			note("", "the settings cannot be read", "")
			return Settings{}, problems
		}
	}
	pattern := func(pointer, text string) *regexp.Regexp {
		if text == "" {
			return nil
		}
		re, err := regexp.Compile(text)
		if err != nil {
			note(pointer, "the pattern is not a regular expression", "the syntax is that of RE2")
		}
		return re
	}
	out := Settings{
		SelfProvisioning: in.SelfProvision == nil || *in.SelfProvision, RotateRefreshTokens: in.Rotate,
		RefreshTokenLifetime:   lifetime(in.Refresh, in.RefreshUnit, 4*7*24*time.Hour),
		SessionTokenLifetime:   lifetime(in.Session, in.SessionUnit, 10*time.Minute),
		StepUpTokenLifetime:    lifetime(in.StepUp, in.StepUpUnit, 10*time.Minute),
		AccessKeyTokenLifetime: lifetime(in.AccessKey, in.AccessKeyUnit, 10*time.Minute),
		TestUsers:              pattern("/testUserRegex", in.TestUsers),
		TestVerifiers:          pattern("/testUserFixedAuthVerifierRegex", in.TestVerifierExp),
	}
	for domain := range strings.SplitSeq(in.TrustedDomains, ",") {
		if domain = strings.TrimSpace(domain); domain != "" {
			out.TrustedDomains = append(out.TrustedDomains, domain)
		}
	}
	return out, problems
}

func lifetime(n float64, unit string, fallback time.Duration) time.Duration {
	if d, ok := snapshot.Duration(n, unit); ok && n > 0 {
		return d
	}
	return fallback
}

// swap makes a configuration the one that new requests read. A sign-in that is
// under way keeps the one that it began with.
func (s *Service) swap(c *Config) {
	for {
		old, loaded := s.configs.LoadOrStore(c.Project, c)
		if !loaded || old.(*Config).Revision >= c.Revision || s.configs.CompareAndSwap(c.Project, old, c) {
			return
		}
	}
}

// Config returns the current configuration of a project.
func (s *Service) Config(ctx context.Context, id string) (*Config, error) {
	var p Project
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		p, err = get(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if c, ok := s.configs.Load(id); ok && c.(*Config).Revision == p.Head {
		return c.(*Config), nil
	}
	st, err := s.head(ctx, id)
	if err != nil {
		return nil, err
	}
	c, problems, err := s.compile(st, s.base(ctx, st), &snapshot.Outcome{Tree: st.tree})
	if err != nil {
		return nil, fmt.Errorf("compile revision %d: %w", st.revision.Number, err)
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("compile revision %d: %s", st.revision.Number, problems[0])
	}
	s.swap(c)
	return c, nil
}
