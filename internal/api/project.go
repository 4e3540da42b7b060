package api

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/mgmtkey"
	"postern/internal/project"
)

type empty struct{}

type licenseAnswer struct {
	Tier string `json:"rateLimitTier"` // newer SDKs
	Type string `json:"licenseType"`   // older SDKs and the CLI
}

func (s *Server) license(context.Context, *empty) (*licenseAnswer, error) {
	return &licenseAnswer{Tier: "tier4", Type: "enterprise"}, nil
}

type newProjectRequest struct {
	Name        string   `json:"name"`
	Environment string   `json:"environment"`
	Tags        []string `json:"tags"`
}

type newProjectAnswer struct {
	ID          string   `json:"projectId"`
	Name        string   `json:"projectName"`
	Tag         string   `json:"tag"` // what older clients call the environment
	Environment string   `json:"environment"`
	Tags        []string `json:"tags"`
}

func newProject(p project.Project) *newProjectAnswer {
	return &newProjectAnswer{ID: p.ID, Name: p.Name, Tag: p.Environment, Environment: p.Environment, Tags: p.Tags}
}

func (s *Server) createProject(ctx context.Context, in *newProjectRequest) (*newProjectAnswer, error) {
	c := callerOf(ctx)
	if err := c.Key.Require("", mgmtkey.Admin); err != nil {
		return nil, err
	}
	p, err := s.Projects.Create(ctx, c.Origin, project.New{Name: in.Name, Environment: in.Environment, Tags: in.Tags})
	if err != nil {
		return nil, err
	}
	return newProject(p), nil
}

// cloneProject makes a project, and so asks for a key that may make projects.
func (s *Server) cloneProject(ctx context.Context, in *newProjectRequest) (*newProjectAnswer, error) {
	c := callerOf(ctx)
	if err := c.Key.Require("", mgmtkey.Admin); err != nil {
		return nil, mgmtkey.ErrTooWeak.WithMessage("only an admin key for all projects may make a project")
	}
	p, err := s.Projects.Clone(ctx, c.Origin, c.Project, project.New{Name: in.Name, Environment: in.Environment, Tags: in.Tags})
	if err != nil {
		return nil, err
	}
	return newProject(p), nil
}

type nameRequest struct {
	Name *string `json:"name"`
}

func (s *Server) renameProject(ctx context.Context, in *nameRequest) (*empty, error) {
	c := callerOf(ctx)
	if in.Name == nil {
		return nil, errMember.WithMessage("the body lacks name, the new name of the project")
	}
	return &empty{}, s.Projects.Rename(ctx, c.Origin, c.Project, *in.Name)
}

// tagList is a list that tells null, which the SDK for Go sends for no tags, from
// a member that is missing: that leaves it nil.
type tagList []string

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *tagList) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tags := []string{}
	if err := json.UnmarshalDecode(dec, &tags); err != nil {
		return err
	}
	*l = append(tagList{}, tags...)
	return nil
}

type tagsRequest struct {
	Tags tagList `json:"tags"`
}

func (s *Server) tagProject(ctx context.Context, in *tagsRequest) (*empty, error) {
	c := callerOf(ctx)
	if in.Tags == nil {
		return nil, errMember.WithMessage("the body lacks tags, the whole list of them; [] takes them all away")
	}
	return &empty{}, s.Projects.SetTags(ctx, c.Origin, c.Project, in.Tags)
}

func (s *Server) deleteProject(ctx context.Context, _ *empty) (*empty, error) {
	c := callerOf(ctx)
	return &empty{}, s.Projects.Delete(ctx, c.Origin, c.Project)
}

type undeleteRequest struct {
	Project string `json:"projectId"`
}

// undeleteProject brings a project back. It is not in use, so no key is one of
// the project: the caller must be an admin of all of them.
func (s *Server) undeleteProject(ctx context.Context, in *undeleteRequest) (*newProjectAnswer, error) {
	c := callerOf(ctx)
	if err := c.Key.Require("", mgmtkey.Admin); err != nil {
		return nil, err
	}
	if in.Project == "" {
		in.Project = c.Project
	}
	p, err := s.Projects.Undelete(ctx, c.Origin, in.Project)
	if err != nil {
		return nil, err
	}
	return newProject(p), nil
}

type rotationAnswer struct {
	Version int64 `json:"keyVersion"`
	Secrets int   `json:"secrets"` // that were sealed again
}

func (s *Server) rotateKey(ctx context.Context, _ *empty) (*rotationAnswer, error) {
	c := callerOf(ctx)
	done, err := s.Projects.RotateKey(ctx, c.Origin, c.Project)
	if err != nil {
		return nil, err
	}
	return &rotationAnswer{Version: done.Version, Secrets: done.Resealed}, nil
}

type listedProject struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Tag         string   `json:"tag"`
	Environment string   `json:"environment"`
	Tags        []string `json:"tags"`
	DeletedTime int64    `json:"deletedTime,omitzero"` // Unix seconds
	KeptUntil   int64    `json:"keptUntil,omitzero"`   // when it can no longer be brought back

	Pending *wirePending `json:"pending,omitzero"` // where its head waits to be confirmed
}

type listRequest struct {
	Deleted bool `json:"deleted"` // those that can be brought back, instead of those in use
}

type projectsAnswer struct {
	Projects []listedProject `json:"projects"`
}

func (s *Server) listProjects(ctx context.Context, in *listRequest) (*projectsAnswer, error) {
	c := callerOf(ctx)
	list := s.Projects.List
	if in.Deleted {
		if err := c.Key.Require("", mgmtkey.Admin); err != nil {
			return nil, err
		}
		list = s.Projects.Deleted
	}
	projects, err := list(ctx)
	if err != nil {
		return nil, err
	}
	waiting, err := s.Projects.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	out := &projectsAnswer{Projects: []listedProject{}}
	ids, all := c.Key.Projects()
	for _, p := range projects {
		if !all && !slices.Contains(ids, p.ID) {
			continue
		}
		row := listedProject{ID: p.ID, Name: p.Name, Tag: p.Environment, Environment: p.Environment, Tags: p.Tags}
		if !p.DeletedAt.IsZero() {
			row.DeletedTime, row.KeptUntil = p.DeletedAt.Unix(), p.DeletedAt.Add(project.Kept).Unix()
		}
		if p, ok := waiting[p.ID]; ok {
			row.Pending = pendingOnWire(&p)
		}
		out.Projects = append(out.Projects, row)
	}
	return out, nil
}
