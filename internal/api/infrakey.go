package api

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/mgmtkey"
	"postern/internal/snapshot"
)

// infraProjectAdmin is the word that infrastructure as code has for the
// strongest role in a project.
const infraProjectAdmin = "project-full-access"

// infraKeyData decodes the data of a management key.
func infraKeyData(data jsontext.Value, into any) error {
	if len(data) == 0 || data.Kind() != '{' {
		return snapshot.ErrInvalid.WithMessage("data: must be an object")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return snapshot.ErrInvalid.WithMessage("data: a member has a value of the wrong type")
	}
	return nil
}

// asInvalid says what is wrong with the data of a management key by the code
// that clients of infrastructure as code show.
func asInvalid(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == mgmtkey.ErrInvalid.Code {
		return snapshot.ErrInvalid.WithMessage("data: " + f.Message)
	}
	return err
}

func infraKey(k wireKey) (*infraAnswer, error) {
	for i := range k.Access.ProjectRoles {
		for j, role := range k.Access.ProjectRoles[i].Roles {
			if role == projectAdmin {
				k.Access.ProjectRoles[i].Roles[j] = infraProjectAdmin
			}
		}
	}
	b, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	data := map[string]any{}
	if err := json.Unmarshal(b, &data); err != nil {
		return nil, err
	}
	delete(data, "id")
	return &infraAnswer{Entity: "management_key", ID: k.ID, Data: data}, nil
}

func (s *Server) createInfraKey(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	var want struct {
		Status string `json:"status"`
	}
	var create createKeyRequest
	if err := errors.Join(infraKeyData(in.Data, &want), infraKeyData(in.Data, &create)); err != nil {
		return nil, err
	}
	for i := range create.Access.ProjectRoles {
		for j, role := range create.Access.ProjectRoles[i].Roles {
			if role == infraProjectAdmin {
				create.Access.ProjectRoles[i].Roles[j] = projectAdmin
			}
		}
	}
	switch {
	case want.Status == mgmtkey.Inactive:
		return nil, snapshot.ErrInvalid.WithMessage("data.status: a management key cannot be made inactive")
	case len(create.Access.CompanyRoles) > 0 && len(create.Access.ProjectRoles)+len(create.Access.TagRoles) > 0:
		return nil, snapshot.ErrInvalid.WithMessage("data.reBac: company roles cannot stand beside roles in projects")
	}
	made, err := s.createKey(ctx, &create)
	if err != nil {
		return nil, asInvalid(err)
	}
	out, err := infraKey(made.Key)
	if err == nil {
		out.Data["cleartext"] = made.Cleartext
	}
	return out, err
}

func (s *Server) readInfraKey(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	k, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return infraKey(keyOnWire(k))
}

func (s *Server) updateInfraKey(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	var change updateKeyRequest
	if err := infraKeyData(in.Data, &change); err != nil {
		return nil, err
	}
	change.ID = in.ID
	k, err := s.updateKey(ctx, &change)
	if err != nil {
		return nil, asInvalid(err)
	}
	return infraKey(k.Key)
}

func (s *Server) deleteInfraKey(ctx context.Context, in *infraRequest) (*infraAnswer, error) {
	if _, err := s.visible(ctx, in.ID); err != nil {
		return nil, err
	}
	_, err := s.Keys.Delete(ctx, callerOf(ctx).Origin, in.ID)
	return nil, err
}
