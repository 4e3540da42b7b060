package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/edge"
	"postern/internal/fault"
	"postern/internal/infra"
	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/snapshot"
)

var errEntity = fault.New(fault.Invalid, "E011004", "this server has no such entity for infrastructure as code")

// infraRequest is one call of infrastructure as code: one path, a verb for each
// thing to do.
type infraRequest struct {
	Entity infraEntity    `json:"entity"`
	ID     string         `json:"id"`
	Data   jsontext.Value `json:"data"`
}

// infraEntity is the name of one of infraEntities.
type infraEntity string

type infraAnswer struct {
	Entity infraEntity    `json:"entity"`
	ID     string         `json:"id"`
	Data   map[string]any `json:"data"`
}

type infraCall func(*Server, context.Context, *infraRequest) (*infraAnswer, error)

// infraEntities are what can be managed so, with what each verb does. Deleting
// answers nothing.
var infraEntities = map[infraEntity]map[string]infraCall{
	"project": {
		http.MethodPost:   (*Server).createInfraProject,
		http.MethodGet:    (*Server).readInfraProject,
		http.MethodPut:    (*Server).updateInfraProject,
		http.MethodDelete: (*Server).deleteInfraProject,
	},
	"access_key": {
		http.MethodPost:   (*Server).createInfraAccessKey,
		http.MethodGet:    (*Server).readInfraAccess,
		http.MethodPut:    (*Server).updateInfraAccessKey,
		http.MethodDelete: (*Server).deleteInfraAccessKey,
	},
	"management_key": {
		http.MethodPost:   (*Server).createInfraKey,
		http.MethodGet:    (*Server).readInfraKey,
		http.MethodPut:    (*Server).updateInfraKey,
		http.MethodDelete: (*Server).deleteInfraKey,
	},
}

func entityNames() (list []string) {
	for name := range infraEntities {
		list = append(list, string(name))
	}
	slices.Sort(list)
	return list
}

// infra serves all verbs.
func (s *Server) infra(w http.ResponseWriter, r *http.Request) error {
	in := &infraRequest{Entity: infraEntity(r.URL.Query().Get("entity")), ID: r.URL.Query().Get("id")}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		body, err := readBody(w, r, s.Limits.body())
		if err != nil {
			return err
		}
		// What is wrong inside of the data is said with its place, later.
		if err := json.UnmarshalRead(body, in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
			if f, ok := errors.AsType[*fault.Error](err); ok {
				return f
			}
			return snapshot.ErrBody
		}
	}
	serve := infraEntities[in.Entity][r.Method]
	if serve == nil {
		return errEntity.WithMessage("the entity " + strconv.Quote(string(in.Entity)) + " is not supported here, but these are: " + strings.Join(entityNames(), ", "))
	}
	out, err := serve(s, r.Context(), in)
	if err != nil {
		return err
	}
	if out == nil {
		return writeJSON(w, http.StatusOK, empty{})
	}
	return writeJSON(w, http.StatusOK, out)
}

// infraReport is what is wrong with data, placed in it.
type infraReport struct {
	problems []snapshot.Problem
	missing  []snapshot.MissingSecret
}

func refuse(problems []snapshot.Problem, missing []snapshot.MissingSecret) error {
	return snapshot.ErrInvalid.WithMessage("the configuration cannot be applied").With(&infraReport{problems, missing})
}

// aboutErrors are what package project says of what is not configuration, and
// where the data has it.
var aboutErrors = []struct {
	fault   *fault.Error
	pointer string
}{{project.ErrName, "/data/name"}, {project.ErrEnvironment, "/data/environment"}, {project.ErrTags, "/data/tags"}}

// placed turns what is wrong with an upload into what is wrong with the data
// that it was made of.
func placed(req *infra.Request, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	if report, ok := f.Details.(*project.Report); ok {
		return refuse(req.Place(report.Problems), report.Missing)
	}
	for _, a := range aboutErrors {
		if f.Code == a.fault.Code && f.Message == a.fault.Message {
			p := snapshot.Problem{Pointer: a.pointer, Code: snapshot.CodeRule, Level: snapshot.Error, Message: f.Message}
			return refuse(append(slices.Clone(req.Upload.Problems), p), nil)
		}
	}
	return err
}

func (s *Server) createInfraProject(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	c := callerOf(ctx)
	if err := c.Key.Require("", mgmtkey.Admin); err != nil {
		return nil, mgmtkey.ErrTooWeak.WithMessage("only an admin key for all projects may make a project")
	}
	req, err := infra.Write(in.Data, nil)
	if err != nil {
		return nil, err
	}
	about := described(req.About, project.Project{})
	p, _, err := s.Projects.CreateFrom(ctx, c.Origin, project.KindInfra, *about, req.Upload)
	if err != nil {
		return nil, placed(req, err)
	}
	return s.infraProject(ctx, p.ID, req)
}

// described is what a project becomes beside its configuration: what is not
// said stays.
func described(about infra.About, p project.Project) *project.New {
	out := &project.New{Name: p.Name, Environment: p.Environment, Tags: p.Tags}
	if about.Name != nil {
		out.Name = *about.Name
	}
	if about.Environment != nil {
		out.Environment = *about.Environment
	}
	if about.Tags != nil {
		out.Tags = *about.Tags
	}
	return out
}

// infraProject answers with the state of a project; req is the request that
// changed it, or nil.
func (s *Server) infraProject(ctx context.Context, id string, req *infra.Request) (*infraAnswer, error) {
	p, err := s.Projects.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	files, _, err := s.Projects.Export(ctx, id, snapshot.FormatPlain)
	if err != nil {
		return nil, err
	}
	if req == nil {
		req = &infra.Request{}
	}
	data := req.Answer(files)
	data["name"], data["environment"], data["tags"] = p.Name, p.Environment, p.Tags
	return &infraAnswer{Entity: "project", ID: id, Data: data}, nil
}

// onProject checks that a call is about the project of its header, and that the
// key may do it.
func onProject(ctx context.Context, in *infraRequest, role mgmtkey.Role) (*edge.Caller, error) {
	c := callerOf(ctx)
	switch {
	case c.Project == "":
		return nil, errNoProject
	case in.ID != c.Project || c.Key.RoleIn(c.Project) == mgmtkey.None:
		return nil, project.ErrNotFound
	}
	return c, c.Key.Require(c.Project, role)
}

func (s *Server) readInfraProject(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	if _, err := onProject(ctx, in, mgmtkey.Read); err != nil {
		return nil, err
	}
	return s.infraProject(ctx, in.ID, nil)
}

// infraTries bounds how often an update is made again that others overtook.
const infraTries = 5

func (s *Server) updateInfraProject(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	c, err := onProject(ctx, in, mgmtkey.Import)
	if err != nil {
		return nil, err
	}
	for range infraTries {
		var req *infra.Request
		req, err = s.applyInfra(ctx, c, in)
		if err == nil {
			return s.infraProject(ctx, in.ID, req)
		}
		if !errors.Is(err, project.ErrPrecond) && !errors.Is(err, project.ErrConflict) {
			return nil, err
		}
	}
	return nil, project.ErrConflict
}

// applyInfra translates the data for the state that the project has now, and
// imports that if it still is in that state.
func (s *Server) applyInfra(ctx context.Context, c *edge.Caller, in *infraRequest) (*infra.Request, error) {
	p, err := s.Projects.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	files, rev, err := s.Projects.Export(ctx, in.ID, snapshot.FormatPlain)
	if err != nil {
		return nil, err
	}
	req, err := infra.Write(in.Data, files)
	if err != nil {
		return nil, err
	}
	_, err = s.Projects.Import(ctx, c.Origin, project.Import{
		Project: in.ID, Kind: project.KindInfra, Upload: req.Upload, IfMatch: rev.Digest.String(), About: described(req.About, p),
	})
	if err != nil {
		return nil, placed(req, err)
	}
	return req, nil
}

func (s *Server) deleteInfraProject(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	c, err := onProject(ctx, in, mgmtkey.Admin)
	if err != nil {
		return nil, err
	}
	return nil, s.Projects.Delete(ctx, c.Origin, in.ID)
}
