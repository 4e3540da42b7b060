package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/descope/go-sdk/descope"
)

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// crowd is what people there are in crowdFile, and who is found by what. The Node suite uses it, too.
type crowd struct {
	Tenants []struct {
		ID string
		descope.TenantRequest
	}
	Users    []*descope.BatchUser
	Tester   string
	Searches []struct {
		Name    string
		Options descope.UserSearchOptions
		Want    []string
		Total   int
		Node    bool // it has an option that the Go SDK lacks
	}
}

const crowdFile = "crowd.json"

// Of every option of a search the crowd has one that finds somebody and, but for the
// order and for test users, who are left out without it, one that leaves somebody out.
func TestEveryOptionOfASearchIsDriven(t *testing.T) {
	t.Parallel()
	var in crowd
	readJSON(t, crowdFile, &in)
	finds, leaves := map[string]bool{}, map[string]bool{"Sort": true, "WithTestUsers": true}
	options := reflect.TypeFor[descope.UserSearchOptions]()
	for _, tt := range in.Searches {
		v := reflect.ValueOf(tt.Options)
		for i := range options.NumField() {
			if name := options.Field(i).Name; !v.Field(i).IsZero() {
				finds[name] = finds[name] || len(tt.Want) > 0
				leaves[name] = leaves[name] || len(tt.Want) < len(in.Users)
			}
		}
	}
	for i := range options.NumField() {
		if name := options.Field(i).Name; !finds[name] || !leaves[name] {
			t.Errorf("%s: a search finds somebody by it: %v, and leaves somebody out: %v", name, finds[name], leaves[name])
		}
	}
}

func TestUsersAreSearched(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		users, ctx := p.Management.User(), t.Context()
		var in crowd
		readJSON(t, crowdFile, &in)
		for _, tenant := range in.Tenants {
			if err := p.Management.Tenant().CreateWithID(ctx, tenant.ID, &tenant.TenantRequest); err != nil {
				t.Fatal(err)
			}
		}
		res, err := users.CreateBatch(ctx, in.Users)
		if err != nil || len(res.FailedUsers) > 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		if _, err := users.CreateTestUser(ctx, in.Tester, &descope.UserRequest{User: descope.User{Email: "tester1@shop.example"}}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range in.Searches {
			if tt.Node {
				continue
			}
			for i, id := range tt.Options.UserIDs {
				at := slices.IndexFunc(res.CreatedUsers, func(u *descope.UserResponse) bool { return "ID of "+u.LoginIDs[0] == id })
				tt.Options.UserIDs[i] = res.CreatedUsers[at].UserID
			}
			list, total, err := users.SearchAll(ctx, &tt.Options)
			got := loginIDs(list)
			if tt.Options.Sort == nil {
				slices.Sort(got)
			}
			if err != nil || !slices.Equal(got, tt.Want) || total != max(len(tt.Want), tt.Total) {
				t.Errorf("%s: %v of %d, %v", tt.Name, got, total, err)
			}
		}
		tests, _, err := users.SearchAllTestUsers(ctx, nil)
		if err != nil || !slices.Equal(names(tests), []string{in.Tester}) {
			t.Errorf("test users: %v, %v", names(tests), err)
		}
	})
}

// passwordsFile has one password, hashed in every way that a batch may bring it.
const passwordsFile = "passwords.json"

func TestPasswordsAreImported(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		p := s.newPlace(t)
		var in struct {
			Password string
			Hashes   []*descope.BatchUserPasswordHashed
		}
		readJSON(t, passwordsFile, &in)
		s.plant(in.Password)
		var people []*descope.BatchUser
		for i, hash := range in.Hashes {
			people = append(people, &descope.BatchUser{LoginID: fmt.Sprintf("p%d", i), Password: &descope.BatchUserPassword{Hashed: hash}})
		}
		res, err := p.Management.User().CreateBatch(t.Context(), people)
		if err != nil || len(res.FailedUsers) > 0 {
			t.Fatalf("%+v, %v", res, err)
		}
		for i, who := range people {
			text, _ := json.Marshal(in.Hashes[i])
			if _, err := p.Auth.Password().SignIn(t.Context(), who.LoginID, in.Password+"!", nil); err == nil {
				t.Errorf("a wrong password works for %s", text)
			}
			// The second time it is the hash of the server's own.
			for range 2 {
				if info, err := p.Auth.Password().SignIn(t.Context(), who.LoginID, in.Password, nil); err != nil {
					t.Errorf("%s: %v", text, err)
				} else {
					p.wantSession(t, info, err, who.LoginID, "pwd")
				}
			}
		}
	})
}
