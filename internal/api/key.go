package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/mgmtkey"
)

// The wire's names of the strongest role; the other roles are ours alone.
const (
	companyAdmin = "company-full-access"
	projectAdmin = "project-admin"
)

// roleOnWire names a role as the wire does, where it has a word for it.
func roleOnWire(r mgmtkey.Role, word string) string {
	if r == mgmtkey.Admin {
		return word
	}
	return r.String()
}

// access of a key, as the wire has it. Roles by tag are not built.
type wireAccess struct {
	CompanyRoles []string          `json:"companyRoles"`
	ProjectRoles []wireProjectRole `json:"projectRoles"`
	TagRoles     []wireTagRole     `json:"tagRoles"`
}

type wireProjectRole struct {
	Projects []string `json:"projectIds"`
	Roles    []string `json:"roles"`
}

type wireTagRole struct {
	Tags  []string `json:"tags"`
	Roles []string `json:"roles"`
}

// wireKey is a management key. Its times are Unix seconds, as numbers.
type wireKey struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Description  string     `json:"description"`
	Status       string     `json:"status"`
	CreatedTime  int64      `json:"createdTime"`
	ExpireTime   int64      `json:"expireTime"`
	PermittedIPs []string   `json:"permittedIps"`
	Access       wireAccess `json:"reBac"`
	Version      int        `json:"version"`
	AuthzVersion int        `json:"authzVersion"`
}

func keyOnWire(k mgmtkey.Key) wireKey {
	out := wireKey{
		ID: k.ID, Name: k.Name, Description: k.Description, Status: k.Status, CreatedTime: k.CreatedAt.Unix(),
		PermittedIPs: []string{}, Version: k.Version, AuthzVersion: 1,
		Access: wireAccess{CompanyRoles: []string{}, ProjectRoles: []wireProjectRole{}, TagRoles: []wireTagRole{}},
	}
	if !k.ExpiresAt.IsZero() {
		out.ExpireTime = k.ExpiresAt.Unix()
	}
	for _, p := range k.PermittedIPs {
		text := p.String()
		if p.IsSingleIP() {
			text = p.Addr().String()
		}
		out.PermittedIPs = append(out.PermittedIPs, text)
	}
	for _, g := range k.Grants {
		if len(g.Projects) == 0 {
			out.Access.CompanyRoles = append(out.Access.CompanyRoles, roleOnWire(g.Role, companyAdmin))
			continue
		}
		out.Access.ProjectRoles = append(out.Access.ProjectRoles, wireProjectRole{Projects: g.Projects, Roles: []string{roleOnWire(g.Role, projectAdmin)}})
	}
	return out
}

// grants reads the access of a new key.
func (a wireAccess) grants() ([]mgmtkey.Grant, error) {
	if len(a.TagRoles) > 0 {
		return nil, mgmtkey.ErrInvalid.WithMessage("a management key cannot have roles by tag here; name the projects")
	}
	var out []mgmtkey.Grant
	role := func(name string, projects []string) error {
		if name == companyAdmin || name == projectAdmin {
			name = mgmtkey.Admin.String()
		}
		r, err := mgmtkey.ParseRole(name)
		out = append(out, mgmtkey.Grant{Projects: projects, Role: r})
		return err
	}
	for _, name := range a.CompanyRoles {
		if err := role(name, nil); err != nil {
			return nil, err
		}
	}
	for _, p := range a.ProjectRoles {
		if len(p.Projects) == 0 {
			return nil, mgmtkey.ErrInvalid.WithMessage("a project role names no project; use companyRoles for all of them")
		}
		for _, name := range p.Roles {
			if err := role(name, p.Projects); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// number is a whole number, or one in a string: clients send both.
type number int64

var errNumber = errors.New("not a whole number")

func (n *number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	text := tok.String()
	if tok.Kind() == 'n' || text == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errNumber
	}
	*n = number(v)
	return nil
}

type createKeyRequest struct {
	Name         string     `json:"name"`
	Description  string     `json:"description"`
	ExpiresIn    number     `json:"expiresIn"`  // seconds from now; 0 is never
	ExpireTime   number     `json:"expireTime"` // Unix seconds; 0 is never
	PermittedIPs []string   `json:"permittedIps"`
	Access       wireAccess `json:"reBac"`
}

// lastExpiry is the end of the year 9999, after which nobody can write a time.
const lastExpiry = 253_402_300_799

// expires returns when the new key expires; the zero time is never.
func (in *createKeyRequest) expires(now time.Time) (time.Time, error) {
	at := in.ExpireTime
	if at == 0 && in.ExpiresIn != 0 {
		if in.ExpiresIn < 0 || in.ExpiresIn > lastExpiry {
			return time.Time{}, errExpiry
		}
		at = number(now.Unix()) + in.ExpiresIn
	}
	switch {
	case at == 0:
		return time.Time{}, nil
	case at < 0 || at > lastExpiry:
		return time.Time{}, errExpiry
	default:
		return time.Unix(int64(at), 0), nil
	}
}

var errExpiry = mgmtkey.ErrInvalid.WithMessage("the time at which the management key expires is out of range; it is in seconds")

type createKeyAnswer struct {
	Cleartext string  `json:"cleartext"`
	Key       wireKey `json:"key"`
}

func (s *Server) createKey(ctx context.Context, in *createKeyRequest) (*createKeyAnswer, error) {
	c := callerOf(ctx)
	grants, err := in.Access.grants()
	if err != nil {
		return nil, err
	}
	if len(grants) == 0 {
		return nil, mgmtkey.ErrInvalid.WithMessage("a management key needs a role: give reBac.companyRoles or reBac.projectRoles")
	}
	if !c.Key.Manages(grants) {
		return nil, mgmtkey.ErrTooWeak
	}
	addresses, err := mgmtkey.ParseAddresses(in.PermittedIPs)
	if err != nil {
		return nil, err
	}
	expires, err := in.expires(time.Now())
	if err != nil {
		return nil, err
	}
	create := mgmtkey.Create{
		Name: in.Name, Description: in.Description, Grants: grants, PermittedIPs: addresses, ExpiresAt: expires, Maker: c.Key,
	}
	k, cleartext, err := s.Keys.Create(ctx, c.Origin, create)
	if err != nil {
		return nil, err
	}
	return &createKeyAnswer{Cleartext: cleartext.Reveal(), Key: keyOnWire(k)}, nil
}

type keyRequest struct {
	ID string `json:"id"`
}

// query takes the id from where a GET has it.
func (k *keyRequest) query(r *http.Request) error { //nolint:unparam // others fail
	if r.Method == http.MethodGet {
		k.ID = r.URL.Query().Get("id")
	}
	return nil
}

type keyAnswer struct {
	Key wireKey `json:"key"`
}

// visible returns a key that the caller may manage. Others do not exist for it.
func (s *Server) visible(ctx context.Context, id string) (mgmtkey.Key, error) {
	return s.Keys.Visible(ctx, callerOf(ctx).Key, id)
}

func (s *Server) getKey(ctx context.Context, in *keyRequest) (*keyAnswer, error) {
	k, err := s.visible(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &keyAnswer{Key: keyOnWire(k)}, nil
}

type updateKeyRequest struct {
	ID           string    `json:"id"`
	Name         *string   `json:"name"`
	Description  *string   `json:"description"`
	PermittedIPs *[]string `json:"permittedIps"`
	Status       *string   `json:"status"`
}

func (s *Server) updateKey(ctx context.Context, in *updateKeyRequest) (*keyAnswer, error) {
	if _, err := s.visible(ctx, in.ID); err != nil {
		return nil, err
	}
	change := mgmtkey.Update{Name: in.Name, Description: in.Description, Status: in.Status, Maker: callerOf(ctx).Key}
	if in.Status != nil && *in.Status == "" {
		change.Status = nil
	}
	if in.PermittedIPs != nil {
		addresses, err := mgmtkey.ParseAddresses(*in.PermittedIPs)
		if err != nil {
			return nil, err
		}
		change.PermittedIPs = &addresses
	}
	k, err := s.Keys.Update(ctx, callerOf(ctx).Origin, in.ID, change)
	if err != nil {
		return nil, err
	}
	return &keyAnswer{Key: keyOnWire(k)}, nil
}

type deleteKeysRequest struct {
	IDs []string `json:"ids"`
}

type deleteKeysAnswer struct {
	Total int `json:"total"`
}

// deleteKeys revokes the keys among the ids that the caller may manage. The
// others are not counted, as if they did not exist.
func (s *Server) deleteKeys(ctx context.Context, in *deleteKeysRequest) (*deleteKeysAnswer, error) {
	var ids []string
	for _, id := range in.IDs {
		_, err := s.visible(ctx, id)
		if err == nil {
			ids = append(ids, id)
		} else if !errors.Is(err, mgmtkey.ErrNotFound) {
			return nil, err
		}
	}
	n, err := s.Keys.Delete(ctx, callerOf(ctx).Origin, ids...)
	if err != nil {
		return nil, err
	}
	return &deleteKeysAnswer{Total: n}, nil
}

type searchKeysAnswer struct {
	Keys []wireKey `json:"keys"`
}

func (s *Server) searchKeys(ctx context.Context, _ *empty) (*searchKeysAnswer, error) {
	keys, err := s.Keys.List(ctx)
	if err != nil {
		return nil, err
	}
	out := &searchKeysAnswer{Keys: []wireKey{}}
	for _, k := range keys {
		if callerOf(ctx).Key.Manages(k.Grants) {
			out.Keys = append(out.Keys, keyOnWire(k))
		}
	}
	return out, nil
}
