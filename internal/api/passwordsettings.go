package api

import (
	"context"
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/snapshot"
)

var errTenantPolicy = fault.New(fault.Invalid, "P40031", "tenants have no password settings of their own; leave tenantId out")

// passwordSettings is the policy as the management has it: the members of
// auth/password.json. In a request, what is missing stays as it is.
type passwordSettings struct {
	Tenant               string  `json:"tenantId"` // must be empty
	Enabled              *bool   `json:"enabled"`
	MinLength            *int    `json:"minLength"`
	Lowercase            *bool   `json:"lowercase"`
	Uppercase            *bool   `json:"uppercase"`
	AnyLetter            *bool   `json:"anyLetter"`
	Number               *bool   `json:"number"`
	NonAlphanumeric      *bool   `json:"nonAlphanumeric"`
	DisallowedCharacters *string `json:"disallowedCharacters"`
	DisallowEmailMatch   *bool   `json:"disallowEmailMatch"`
	Strength             *bool   `json:"enablePasswordStrength"`
	Score                *int    `json:"passwordStrengthScore"`
	Expiration           *bool   `json:"expiration"`
	ExpirationWeeks      *int    `json:"expirationWeeks"`
	Reuse                *bool   `json:"reuse"`
	ReuseAmount          *int    `json:"reuseAmount"`
	Lock                 *bool   `json:"lock"`
	LockAttempts         *int    `json:"lockAttempts"`
	TempLock             *bool   `json:"tempLock"`
	TempLockAttempts     *int    `json:"tempLockAttempts"`
	TempLockDuration     *int    `json:"tempLockDuration"` // minutes
}

type passwordSettingsRequest struct {
	Tenant string `json:"tenantId"`
}

func (in *passwordSettingsRequest) query(r *http.Request) error {
	if in.Tenant = r.URL.Query().Get("tenantId"); len(in.Tenant) > 128 {
		return errTenantPolicy // no tenant has such an id
	}
	return nil
}

// getPasswordSettings answers those of the project for a tenant, too: they are what
// its people obey.
func (s *Server) getPasswordSettings(ctx context.Context, in *passwordSettingsRequest) (*passwordSettings, error) {
	files, _, err := s.Projects.Export(ctx, callerOf(ctx).Project, snapshot.FormatPlain)
	if err != nil {
		return nil, err
	}
	out := &passwordSettings{}
	if err := json.Unmarshal(snapshot.SchemaDefaults(project.PasswordFile), out); err != nil {
		return nil, err
	}
	if file, ok := files[project.PasswordFile]; ok {
		if err := json.Unmarshal(file, out); err != nil {
			return nil, err
		}
	}
	out.Tenant = in.Tenant
	return out, nil
}

// setPasswordSettings makes a revision of the project, like an import of the same.
func (s *Server) setPasswordSettings(ctx context.Context, in *passwordSettings) (*empty, error) {
	if in.Tenant != "" {
		return nil, errTenantPolicy
	}
	in.tidy()
	given, err := in.members()
	if err != nil {
		return nil, err
	}
	c := callerOf(ctx)
	return &empty{}, s.Projects.Edit(ctx, c.Origin, c.Project, "password settings", func(files snapshot.Files) (snapshot.Files, error) {
		file := map[string]jsontext.Value{}
		if now, ok := files[project.PasswordFile]; ok {
			if err := json.Unmarshal(now, &file); err != nil {
				return nil, err
			}
		}
		maps.Copy(file, given)
		text, err := json.Marshal(file, json.Deterministic(true))
		return snapshot.Files{project.PasswordFile: text}, err
	})
}

// tidy leaves out the numbers of what is off, which clients send as 0.
func (in *passwordSettings) tidy() {
	for _, of := range []struct {
		on *bool
		n  []**int
	}{
		{in.Expiration, []**int{&in.ExpirationWeeks}},
		{in.Reuse, []**int{&in.ReuseAmount}},
		{in.Lock, []**int{&in.LockAttempts}},
		{in.TempLock, []**int{&in.TempLockAttempts, &in.TempLockDuration}},
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
