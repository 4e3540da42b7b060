package api

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// jwtLibrary are the templates to begin with, as the configuration would have them.
//
//go:embed jwtlibrary.json
var jwtLibrary []byte

var errNoEntry = fault.New(fault.NotFound, "P40425", "the library has no such JWT template")

type libraryAnswer struct {
	Entries []wireTemplate `json:"entries"`
}

type libraryEntryAnswer struct {
	Entry wireTemplate `json:"entry"`
}

func (s *Server) listLibrary(context.Context, *empty) (*libraryAnswer, error) {
	out := &libraryAnswer{}
	if err := json.Unmarshal(jwtLibrary, &out.Entries); err != nil {
		return nil, fmt.Errorf("read the library of JWT templates: %w", err)
	}
	return out, nil
}

func (s *Server) loadLibraryEntry(ctx context.Context, in *templateIDRequest) (*libraryEntryAnswer, error) {
	all, err := s.listLibrary(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, e := range all.Entries {
		if e.id() == in.ID {
			return &libraryEntryAnswer{e}, nil
		}
	}
	return nil, errNoEntry
}

// applyLibraryRequest makes a template of an entry; what is not blank replaces what
// the entry has.
type applyLibraryRequest struct {
	Entry       string         `json:"libraryEntryId"`
	Name        string         `json:"nameOverride"`
	Description string         `json:"descriptionOverride"`
	Tags        []string       `json:"tagsOverride"`
	Template    jsontext.Value `json:"templateOverride"`
}

func (s *Server) applyLibrary(ctx context.Context, in *applyLibraryRequest) (*templateAnswer, error) {
	found, err := s.loadLibraryEntry(ctx, &templateIDRequest{in.Entry})
	if err != nil {
		return nil, err
	}
	own := struct {
		Name        string         `json:"name,omitzero"`
		Description string         `json:"description,omitzero"`
		Tags        []string       `json:"tags,omitempty"`
		Template    jsontext.Value `json:"template,omitempty"`
		Source      string         `json:"source"`
	}{in.Name, in.Description, in.Tags, in.Template, in.Entry}
	text, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	var over wireTemplate
	if err := json.Unmarshal(text, &over); err != nil {
		return nil, err
	}
	maps.Copy(found.Entry, over)
	return s.createTemplate(ctx, &templateRequest{found.Entry})
}

// checkTemplateRequest is a template to be judged: one of the configuration by its
// id, or one as create and update would take it.
type checkTemplateRequest struct {
	ID       string       `json:"id"`
	Template wireTemplate `json:"template"`
}

// wireIssue is one thing that is wrong with a template.
type wireIssue struct {
	Field   string `json:"field"` // the member, with dots: template.email
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

type checkTemplateAnswer struct {
	Valid  bool        `json:"valid"`
	Issues []wireIssue `json:"issues"`
}

// validateTemplate says what an import of the configuration with this template would
// find wrong with it, and changes nothing.
func (s *Server) validateTemplate(ctx context.Context, in *checkTemplateRequest) (*checkTemplateAnswer, error) {
	if in.Template == nil && in.ID == "" {
		return nil, errMember.WithMessage("the body lacks template, or the id of one")
	}
	all, err := s.listTemplates(ctx, &empty{})
	if err != nil {
		return nil, err
	}
	if in.ID == "" {
		in.ID = in.Template.id()
	}
	i := slices.IndexFunc(all.Templates, func(t wireTemplate) bool { return in.ID != "" && t.id() == in.ID })
	switch {
	case i < 0 && in.Template == nil:
		return nil, errNoTemplate
	case i < 0:
		i, all.Templates = len(all.Templates), append(all.Templates, in.Template)
	case in.Template != nil:
		all.Templates[i] = in.Template
	}
	file, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	up := &snapshot.Upload{Files: snapshot.Files{project.JWTTemplatesFile: file}, SameIDs: true}
	report, err := s.Projects.Validate(ctx, project.Import{Project: callerOf(ctx).Project, Kind: project.KindEdit, Upload: up})
	if err != nil {
		return nil, err
	}
	out := &checkTemplateAnswer{Valid: true, Issues: []wireIssue{}}
	for _, p := range report.Problems {
		rest, ours := strings.CutPrefix(p.Pointer+"/", fmt.Sprintf("/templates/%d/", i))
		if p.Level != snapshot.Error || p.File != project.JWTTemplatesFile || !ours {
			continue
		}
		field := strings.ReplaceAll(strings.TrimSuffix(rest, "/"), "/", ".")
		out.Valid, out.Issues = false, append(out.Issues, wireIssue{field, string(p.Code), p.Message, p.Hint})
	}
	return out, nil
}
