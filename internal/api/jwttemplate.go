package api

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/ident"
	"postern/internal/project"
	"postern/internal/snapshot"
)

var errNoTemplate = fault.New(fault.NotFound, "P40481", "there is no such JWT template")

// A wireTemplate is a JWT template as the configuration has it, by member: what a
// call does not know stays as it is.
type wireTemplate map[string]jsontext.Value

func (t wireTemplate) id() string {
	var id string
	_ = json.Unmarshal(t["id"], &id) // what is no text is none
	return id
}

type templateRequest struct {
	Template wireTemplate `json:"template"`
}

type templateIDRequest struct {
	ID string `json:"id"`
}

type templateAnswer struct {
	Template wireTemplate `json:"template"`
}

type templatesAnswer struct {
	Templates []wireTemplate `json:"templates"`
}

// templatesIn reads the templates among files.
func templatesIn(files snapshot.Files) ([]wireTemplate, error) {
	var document struct {
		Templates []wireTemplate `json:"templates"`
	}
	if b := files[project.JWTTemplatesFile]; len(b) > 0 {
		if err := json.Unmarshal(b, &document); err != nil {
			return nil, err
		}
	}
	return document.Templates, nil
}

// editTemplates makes the list of templates what change says, as an import does.
func (s *Server) editTemplates(ctx context.Context, message string, change func([]wireTemplate) ([]wireTemplate, error)) error {
	c := callerOf(ctx)
	return s.Projects.Edit(ctx, c.Origin, c.Project, message, func(files snapshot.Files) (snapshot.Files, error) {
		have, err := templatesIn(files)
		if err != nil {
			return nil, err
		}
		left, err := change(have)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(templatesAnswer{list(left)}, json.Deterministic(true))
		return snapshot.Files{project.JWTTemplatesFile: b}, err
	})
}

func (s *Server) createTemplate(ctx context.Context, in *templateRequest) (*templateAnswer, error) {
	if in.Template == nil {
		return nil, errMember.WithMessage("the body lacks template")
	}
	id := ident.New("JT")
	in.Template["id"] = jsontext.Value(`"` + id + `"`)
	err := s.editTemplates(ctx, "JWT template made", func(have []wireTemplate) ([]wireTemplate, error) { return append(have, in.Template), nil })
	if err != nil {
		return nil, err
	}
	return s.loadTemplate(ctx, &templateIDRequest{id})
}

func (s *Server) updateTemplate(ctx context.Context, in *templateRequest) (*templateAnswer, error) {
	id := in.Template.id()
	err := s.editTemplates(ctx, "JWT template changed", func(have []wireTemplate) ([]wireTemplate, error) {
		i := slices.IndexFunc(have, func(t wireTemplate) bool { return id != "" && t.id() == id })
		if i < 0 {
			return nil, errNoTemplate
		}
		have[i] = in.Template
		return have, nil
	})
	if err != nil {
		return nil, err
	}
	return s.loadTemplate(ctx, &templateIDRequest{id})
}

func (s *Server) deleteTemplate(ctx context.Context, in *templateIDRequest) (*empty, error) {
	return &empty{}, s.editTemplates(ctx, "JWT template removed", func(have []wireTemplate) ([]wireTemplate, error) {
		left := slices.DeleteFunc(slices.Clone(have), func(t wireTemplate) bool { return t.id() == in.ID })
		if len(left) == len(have) {
			return nil, errNoTemplate
		}
		return left, nil
	})
}

func (s *Server) listTemplates(ctx context.Context, _ *empty) (*templatesAnswer, error) {
	files, _, err := s.Projects.Export(ctx, callerOf(ctx).Project, snapshot.FormatPlain)
	if err != nil {
		return nil, err
	}
	have, err := templatesIn(files)
	return &templatesAnswer{list(have)}, err
}

func (s *Server) loadTemplate(ctx context.Context, in *templateIDRequest) (*templateAnswer, error) {
	all, err := s.listTemplates(ctx, &empty{})
	if err != nil {
		return nil, err
	}
	for _, t := range all.Templates {
		if t.id() == in.ID {
			return &templateAnswer{t}, nil
		}
	}
	return nil, errNoTemplate
}
