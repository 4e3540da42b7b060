package api

import "context"

// groupsRequest asks for the groups of a tenant.
type groupsRequest struct {
	TenantID string   `json:"tenantId"`
	GroupID  string   `json:"groupId"`
	LoginIDs []string `json:"loginIds"`
	UserIDs  []string `json:"userIds"`
	SSOID    string   `json:"ssoId"`
}

// wireGroups is a list without an object around it.
type wireGroups []wireGroup

// wireGroup is a group that a directory or an identity provider has told of.
type wireGroup struct {
	ID      string            `json:"id"`
	Display string            `json:"display"`
	Members []wireGroupMember `json:"members"`
}

type wireGroupMember struct {
	LoginID string `json:"loginID"`
	UserID  string `json:"userId"`
	Display string `json:"display"`
}

// groups finds nothing until directories tell of groups. A tenant is asked for all
// the same.
func (s *Server) groups(_ context.Context, in *groupsRequest) (*wireGroups, error) {
	if in.TenantID == "" {
		return nil, errMember.WithMessage("the body lacks tenantId, the tenant whose groups are wanted")
	}
	return &wireGroups{}, nil
}
