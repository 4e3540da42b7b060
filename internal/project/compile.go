package project

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/snapshot"
)

// A Connector is an outside service. Its credentials are not in Configuration:
// Service.Secret has them.
type Connector struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	Type          string         `json:"type"`
	Configuration jsontext.Value `json:"configuration"`
	Disabled      bool           `json:"disabled"`
}

// A Role is a set of permissions.
type Role struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Permissions []string `json:"permissions"` // names
	Default     bool     `json:"default"`     // every new user has it
	Private     bool     `json:"private"`
	App         string   `json:"appId"` // the application that it is of; empty for the project
}

// A Permission is what a role may be made of.
type Permission struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	App         string `json:"appId"` // the application that it is of; empty for the project
}

// Attributes are the custom attributes of a project.
type Attributes struct {
	User      []Attribute `json:"user"`
	Tenant    []Attribute `json:"tenant"`
	AccessKey []Attribute `json:"accessKey"`
}

// An Attribute is one custom attribute.
type Attribute struct {
	Name            string   `json:"name"`
	DisplayName     string   `json:"displayName"`
	Type            string   `json:"type"` // string, number, boolean, singleselect, multiselect, date
	Options         []Option `json:"options"`
	ViewPermissions []string `json:"viewPermissions"`
	EditPermissions []string `json:"editPermissions"`
}

// An Option is a value that a select attribute may have.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// A JWTTemplate says what the claims of a token are.
type JWTTemplate struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	Description        string         `json:"description"`
	Type               string         `json:"type"`       // user or key
	AuthSchema         string         `json:"authSchema"` // default, tenantOnly, none
	EmptyClaimPolicy   string         `json:"emptyClaimPolicy"`
	AutoDCT            bool           `json:"autoDCT"`
	ConformanceIssuer  bool           `json:"conformanceIssuer"`
	EnforceIssuer      bool           `json:"enforceIssuer"`
	ExcludePermissions bool           `json:"excludePermissions"`
	OverrideSubject    bool           `json:"overrideSubject"`
	AddJTI             bool           `json:"addJti"`
	Template           jsontext.Value `json:"template"`
}

// A part is what was read of one file.
type part struct {
	digest snapshot.Digest // zero where there is no such file
	read   any
}

// A source is a file that the configuration is made of: how its content is read,
// and what is made of that. No content is a file that is not there.
type source struct {
	path string
	read func(content []byte) (any, []snapshot.Problem)
	use  func(c *Config, read any)
}

// from declares a source.
func from[T any](path string, read func([]byte) (T, []snapshot.Problem), use func(*Config, T)) source {
	return source{
		path: path,
		read: func(content []byte) (any, []snapshot.Problem) { return read(content) },
		use:  func(c *Config, v any) { use(c, v.(T)) },
	}
}

// document reads a file over the defaults of its schema.
func document[T any](path string) func([]byte) (T, []snapshot.Problem) {
	return func(content []byte) (T, []snapshot.Problem) {
		var v T
		if err := readOver(path, content, &v); err != nil {
			return v, unreadable(path)
		}
		return v, nil
	}
}

// method declares the file of a method.
func method[T any](path string, into func(*Methods) *T, make func(*methodFile) T) source {
	read := document[methodFile](path)
	return from(path,
		func(content []byte) (T, []snapshot.Problem) {
			v, problems := read(content)
			return make(&v), problems
		},
		func(c *Config, v T) { *into(&c.Methods) = v })
}

type (
	rolesFile struct {
		Roles []Role `json:"roles"`
	}
	permissionsFile struct {
		Permissions []Permission `json:"permissions"`
	}
	templatesFile struct {
		Templates []JWTTemplate `json:"templates"`
	}
)

// sources are the files that the configuration is made of, connectors apart.
func sources() []source {
	return []source{
		from(SettingsFile, compileSettings, func(c *Config, v Settings) { c.Settings = v }),
		method(MagicLinkFile, func(m *Methods) *LinkMethod { return &m.MagicLink }, (*methodFile).link),
		method(EnchantedLinkFile, func(m *Methods) *LinkMethod { return &m.EnchantedLink }, (*methodFile).link),
		method(EmbeddedLinkFile, func(m *Methods) *EmbeddedLink { return &m.EmbeddedLink },
			func(m *methodFile) EmbeddedLink { return EmbeddedLink{m.Enabled, m.lifetime()} }),
		method(OTPFile, func(m *Methods) *OTPMethod { return &m.OTP }, func(m *methodFile) OTPMethod {
			return OTPMethod{m.Enabled, m.lifetime(), m.Domain, m.MaskError, m.rate(), m.email(), texts(m.TextProvider, m.Texts), texts(m.VoiceProvider, m.Voices)}
		}),
		method(NOTPFile, func(m *Methods) *NOTPMethod { return &m.NOTP }, (*methodFile).notp),
		method(TOTPFile, func(m *Methods) *TOTPMethod { return &m.TOTP },
			func(m *methodFile) TOTPMethod { return TOTPMethod{m.Enabled, m.IssuerLabel, m.MaskError} }),
		method(PasskeyFile, func(m *Methods) *PasskeyMethod { return &m.Passkey }, func(m *methodFile) PasskeyMethod {
			return PasskeyMethod{m.Enabled, m.Name, m.RPID, m.Fingerprints, m.MaskError}
		}),
		method(PasswordFile, func(m *Methods) *PasswordMethod { return &m.Password }, (*methodFile).password),
		method(QuestionsFile, func(m *Methods) *QuestionsMethod { return &m.SecurityQuestions }, (*methodFile).questions),
		from(RolesFile, document[rolesFile](RolesFile), func(c *Config, v rolesFile) {
			// Revisions of before imports gave ids may have roles without one: who holds which of them could not be told.
			c.Roles = slices.DeleteFunc(slices.Clone(v.Roles), func(r Role) bool { return r.ID == "" })
		}),
		from(PermissionsFile, document[permissionsFile](PermissionsFile), func(c *Config, v permissionsFile) { c.Permissions = v.Permissions }),
		from(AttributesFile, document[Attributes](AttributesFile), func(c *Config, v Attributes) { c.Attributes = v }),
		from(ApplicationsFile, document[applicationsFile](ApplicationsFile), func(c *Config, v applicationsFile) { c.Applications = v.Applications }),
		from(JWTTemplatesFile, document[templatesFile](JWTTemplatesFile), func(c *Config, v templatesFile) {
			c.JWTTemplates = map[string]JWTTemplate{}
			for _, t := range v.Templates {
				c.JWTTemplates[t.ID] = t
			}
		}),
	}
}

// connectors returns a source for each connector of a tree.
func connectors(tree snapshot.Tree) []source {
	var out []source
	for path := range tree {
		if strings.HasPrefix(path, ConnectorFolder) && path != ConnectorIndex {
			out = append(out, from(path, document[Connector](path), func(c *Config, v Connector) { c.Connectors[v.ID] = v }))
		}
	}
	slices.SortFunc(out, func(a, b source) int { return cmp.Compare(a.path, b.path) })
	return out
}

// compile makes the configuration that an outcome would be; base is what the
// outcome was held against. Files that the last configuration was made of are not
// read again.
func (s *Service) compile(st *state, base snapshot.Base, out *snapshot.Outcome) (*Config, []snapshot.Problem, error) {
	c := &Config{
		Project: st.project.ID, Name: st.project.Name, Environment: st.project.Environment,
		Revision: st.revision.Number, Digest: st.revision.Digest,
	}
	if len(out.Changes) > 0 || st.revision.Number == 0 {
		c.Digest = out.Tree.Digest()
	}
	known := s.bare.parts()
	if was, ok := s.configs.Load(st.project.ID); ok {
		known = was.(*Config).parts
	}
	problems, err := c.fill(base.With(out), known)
	return c, problems, err
}

// A bare configuration is that of no file at all: of the files that a configuration is
// made of most projects have few, and what the others give is the same for all.
type bare struct {
	once sync.Once
	read map[string]part
}

func (b *bare) parts() map[string]part {
	b.once.Do(func() {
		var c Config
		if problems, err := c.fill(snapshot.Base{}, nil); err == nil && len(problems) == 0 {
			b.read = c.parts
		}
	})
	return b.read
}

// fill reads the files of a tree into c, but for those that are known: what was kept
// was read without a problem.
func (c *Config) fill(b snapshot.Base, known map[string]part) ([]snapshot.Problem, error) {
	c.Connectors, c.parts = map[string]Connector{}, map[string]part{}
	all := append(sources(), connectors(b.Tree)...)
	var absent []snapshot.Digest
	for _, src := range all {
		digest, there := b.Tree[src.path]
		if p, ok := known[src.path]; ok && p.digest == digest {
			c.parts[src.path] = p
		} else if there {
			absent = append(absent, digest)
		}
	}
	contents := map[snapshot.Digest][]byte{}
	if len(absent) > 0 {
		var err error
		if contents, err = b.Load(absent); err != nil {
			return nil, err
		}
	}
	var problems []snapshot.Problem
	for _, src := range all {
		if _, ok := c.parts[src.path]; !ok {
			digest := b.Tree[src.path]
			read, wrong := src.read(contents[digest])
			problems = append(problems, wrong...)
			c.parts[src.path] = part{digest, read}
		}
		src.use(c, c.parts[src.path].read)
	}
	return problems, nil
}

// Claims returns the claims of a template.
func (t JWTTemplate) Claims() (map[string]any, error) {
	claims := map[string]any{}
	if len(t.Template) == 0 {
		return claims, nil
	}
	err := json.Unmarshal(t.Template, &claims)
	return claims, err
}
