package api

import (
	"context"
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// passwordSettings is the policy as the management has it: the members of
// auth/password.json that tenants may have otherwise. In a request, what is missing
// stays as it is.
type passwordSettings struct {
	Tenant               string  `json:"tenantId"` // whose they are; empty for the project
	Enabled              *bool   `json:"enabled"`
	MinLength            *number `json:"minLength"`
	Lowercase            *bool   `json:"lowercase"`
	Uppercase            *bool   `json:"uppercase"`
	AnyLetter            *bool   `json:"anyLetter"`
	Number               *bool   `json:"number"`
	NonAlphanumeric      *bool   `json:"nonAlphanumeric"`
	DisallowedCharacters *string `json:"disallowedCharacters"`
	DisallowEmailMatch   *bool   `json:"disallowEmailMatch"`
	Strength             *bool   `json:"enablePasswordStrength"`
	Score                *number `json:"passwordStrengthScore"`
	Expiration           *bool   `json:"expiration"`
	ExpirationWeeks      *number `json:"expirationWeeks"`
	Reuse                *bool   `json:"reuse"`
	ReuseAmount          *number `json:"reuseAmount"`
	Lock                 *bool   `json:"lock"`
	LockAttempts         *number `json:"lockAttempts"`
	TempLock             *bool   `json:"tempLock"`
	TempLockAttempts     *number `json:"tempLockAttempts"`
	TempLockDuration     *number `json:"tempLockDuration"` // minutes
}

type passwordSettingsRequest struct {
	Tenant string `json:"tenantId"`
}

func (in *passwordSettingsRequest) query(r *http.Request) error { //nolint:unparam // others fail
	in.Tenant = r.URL.Query().Get("tenantId")
	return nil
}

// getPasswordSettings answers what the members of a tenant obey, or else the people of
// the project.
func (s *Server) getPasswordSettings(ctx context.Context, in *passwordSettingsRequest) (*passwordSettings, error) {
	text, err := s.passwordsOfProject(ctx)
	if err != nil {
		return nil, err
	}
	if in.Tenant != "" {
		if err := mayManageTenants(ctx); err != nil {
			return nil, err
		}
		own, err := s.Tenants.Settings(ctx, callerOf(ctx).Project, in.Tenant)
		if err != nil {
			return nil, err
		}
		if own.Passwords != nil {
			text = own.Passwords
		}
	}
	out := &passwordSettings{}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	out.Tenant = in.Tenant
	return out, nil
}

// passwordsOfProject returns the settings of the project, whole.
func (s *Server) passwordsOfProject(ctx context.Context) ([]byte, error) {
	files, _, err := s.Projects.Export(ctx, callerOf(ctx).Project, snapshot.FormatPlain)
	if err != nil {
		return nil, err
	}
	out := &passwordSettings{}
	for _, text := range [][]byte{snapshot.SchemaDefaults(project.PasswordFile), files[project.PasswordFile]} {
		if text == nil {
			continue
		}
		if err := json.Unmarshal(text, out); err != nil {
			return nil, err
		}
	}
	return overlaid(nil, out)
}

// mayManageTenants refuses a key that may read or change the configuration alone.
func mayManageTenants(ctx context.Context) error {
	c := callerOf(ctx)
	return in(mgmtkey.Admin).Allow(c.Key, c.Project)
}

// setPasswordSettings makes a revision of the project, like an import of the same; or
// it gives a tenant settings of its own, which it has whole from then on.
func (s *Server) setPasswordSettings(ctx context.Context, in *passwordSettings) (*empty, error) {
	in.tidy()
	if in.Tenant != "" {
		return s.setTenantPasswords(ctx, in)
	}
	c := callerOf(ctx)
	return &empty{}, s.Projects.Edit(ctx, c.Origin, c.Project, "password settings", func(files snapshot.Files) (snapshot.Files, error) {
		text, err := overlaid(files[project.PasswordFile], in)
		return snapshot.Files{project.PasswordFile: text}, err
	})
}

func (s *Server) setTenantPasswords(ctx context.Context, in *passwordSettings) (*empty, error) {
	if err := mayManageTenants(ctx); err != nil {
		return nil, err
	}
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	otherwise, err := s.passwordsOfProject(ctx)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Tenants.SetPasswords(ctx, callerOf(ctx).Origin, c, in.Tenant, func(now []byte) ([]byte, error) {
		if now == nil {
			now = otherwise
		}
		return overlaid(now, in)
	})
}

// dropPasswordSettings lets the members of a tenant obey the project again.
func (s *Server) dropPasswordSettings(ctx context.Context, in *passwordSettingsRequest) (*empty, error) {
	c, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	return &empty{}, s.Tenants.SetPasswords(ctx, callerOf(ctx).Origin, c, in.Tenant, func([]byte) ([]byte, error) { return nil, nil })
}

// overlaid is an object with the members that settings have, in place of its own.
func overlaid(object []byte, settings *passwordSettings) ([]byte, error) {
	out := map[string]jsontext.Value{}
	if object != nil {
		if err := json.Unmarshal(object, &out); err != nil {
			return nil, err
		}
	}
	given, err := settings.members()
	if err != nil {
		return nil, err
	}
	maps.Copy(out, given)
	return json.Marshal(out, json.Deterministic(true))
}

// tidy leaves out the numbers of what is off, which clients send as 0.
func (in *passwordSettings) tidy() {
	for _, of := range []struct {
		on *bool
		n  []**number
	}{
		{in.Expiration, []**number{&in.ExpirationWeeks}},
		{in.Reuse, []**number{&in.ReuseAmount}},
		{in.Lock, []**number{&in.LockAttempts}},
		{in.TempLock, []**number{&in.TempLockAttempts, &in.TempLockDuration}},
	} {
		for _, n := range of.n {
			if (of.on == nil || !*of.on) && *n != nil && **n == 0 {
				*n = nil
			}
		}
	}
}

// members are those that the request has.
func (in *passwordSettings) members() (map[string]jsontext.Value, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	out := map[string]jsontext.Value{}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	delete(out, "tenantId")
	for name, value := range out {
		if value.Kind() == 'n' {
			delete(out, name)
		}
	}
	return out, nil
}
