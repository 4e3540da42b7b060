package project

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/snapshot"
)

// ErrApp is an SSO application that the project does not have.
var ErrApp = fault.New(fault.Invalid, "E011003", "Request is invalid: there is no such SSO application")

// An Application is a service that people sign in to through the project.
type Application struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type applicationsFile struct {
	Applications []Application `json:"applications"`
}

// CheckApps refuses with ErrApp ids of SSO applications that the project does not
// have, all of them at once. Those that were kept before may stay: an application may
// be gone, and come back with a rollback.
func (c *Config) CheckApps(ids, kept []string) error {
	var unknown []string
	for _, id := range ids {
		known := slices.Contains(kept, id) || snapshot.Builtin("application", id) ||
			slices.ContainsFunc(c.Applications, func(a Application) bool { return a.ID == id && id != "" })
		if name := fmt.Sprintf("%.60q", id); !known && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	switch len(unknown) {
	case 0:
		return nil
	case 1:
		return ErrApp.WithMessage("Request is invalid: there is no SSO application " + unknown[0])
	}
	return ErrApp.WithMessage("Request is invalid: there are no SSO applications " + strings.Join(unknown, ", "))
}
