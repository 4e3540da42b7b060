package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/fault"
	"postern/internal/signature"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// ErrPolicy is a policy that says nothing that could be held.
var ErrPolicy = fault.New(fault.Invalid, "E011003", "Request is invalid: the policy is not valid")

// A Policy is what imports and rollbacks may not do to a project. It is kept with
// the project and is no part of its configuration: no import brings or changes
// it. Its zero value allows everything.
type Policy struct {
	// Protected is what must stay as it is.
	Protected []snapshot.Protection `json:"protected"`
	// MaxRemovals is how many entities and files one import may remove; nil is any
	// number.
	MaxRemovals *int `json:"maxRemovals"`
	// Weakening is what it takes to weaken security; blank is Allow.
	Weakening Weakening `json:"weakening,omitzero"`
	// Signers are the keys that are trusted.
	Signers []signature.Signer `json:"signers"`
	// RequireSigned lets nothing in that none of them signed.
	RequireSigned bool `json:"requireSigned"`
}

// indifferent reports whether the policy says nothing of what an import changes.
func (p Policy) indifferent() bool {
	return len(p.Protected) == 0 && p.MaxRemovals == nil && p.Weakening.free()
}

func (p Policy) check() error {
	if len(p.Protected) > 1000 {
		return ErrPolicy.WithMessage("a policy may protect at most 1000 things")
	}
	for _, what := range p.Protected {
		if err := what.Check(); err != nil || hasControl(string(what)) {
			return ErrPolicy.WithMessage("the policy is not valid: " + fmt.Sprint(err))
		}
	}
	if p.MaxRemovals != nil && *p.MaxRemovals < 0 {
		return ErrPolicy.WithMessage("the policy is not valid: maxRemovals must not be negative")
	}
	if err := p.Weakening.check(); err != nil {
		return err
	}
	return p.checkSigners()
}

// Policy returns the policy of a project.
func (s *Service) Policy(ctx context.Context, id string) (Policy, error) {
	var p Policy
	err := s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) (err error) {
		if _, err := get(tx, id); err != nil {
			return err
		}
		p, err = readPolicy(tx, id)
		return err
	})
	return p, err
}

func readPolicy(tx *store.Tx, id string) (p Policy, err error) {
	var text string
	err = tx.QueryRow(`SELECT policy FROM policies WHERE project = $1`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	return parsePolicy(text)
}

// parsePolicy reads a policy as it is stored; a blank text is none.
func parsePolicy(text string) (p Policy, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &p)
	}
	return p, err
}

// SetPolicy replaces the policy of a project. It holds for what begins after it.
func (s *Service) SetPolicy(ctx context.Context, by audit.Origin, id string, p Policy) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.Weakening.free() {
		p.Weakening = "" // one word for it, so that saving it again is no other policy
	}
	p.Protected = slices.Compact(slices.Sorted(slices.Values(p.Protected)))
	p.Signers = slices.SortedFunc(slices.Values(p.Signers), func(a, b signature.Signer) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error {
		if _, err := get(tx, id); err != nil {
			return err
		}
		was, err := readPolicy(tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO policies (project, policy) VALUES ($1, $2) ON CONFLICT (project) DO UPDATE SET policy = $2`, id, string(text)); err != nil {
			return err
		}
		e := by.Event("project.policy", audit.Done)
		e.Project, e.Details = id, map[string]any{"from": was, "to": p}
		return audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("set policy: %w", err)
	}
	return nil
}

// held adds to an outcome what the policy of the project does not allow.
func (s *Service) held(ctx context.Context, c *checked, in Import) error {
	st, out := c.st, c.out
	if st.policy.indifferent() || out.Failed() {
		return nil
	}
	base := s.base(ctx, st)
	list, err := s.facts.CompareStored(snapshot.Base{Tree: base.Tree, Load: base.Load}, base.With(out))
	if err != nil {
		return err
	}
	var found []snapshot.Problem
	removed := 0
	for _, d := range list {
		if d.Action == snapshot.Removed && d.Field == "" {
			removed++
		}
		for _, p := range st.policy.Protected {
			if p.Covers(d) {
				found = append(found, snapshot.Problem{
					File: d.File, Code: snapshot.CodeProtected, Level: snapshot.Error, Hint: "leave it out with the exclude key, or let an admin change the policy of the project",
					Message: fmt.Sprintf("%s must not change here: %s is protected by the policy of the project", d.What(), p),
				})
				break
			}
		}
	}
	secrets, err := s.heldSecrets(ctx, st, out, base)
	if err != nil {
		return err
	}
	found = append(found, secrets...)
	if most := st.policy.MaxRemovals; most != nil && removed > *most {
		found = append(found, snapshot.Problem{
			Code: snapshot.CodeRemovals, Level: snapshot.Error, Hint: "remove less at once, or let an admin change the policy of the project",
			Message: fmt.Sprintf("%d things would be removed, and the policy of the project allows %d", removed, *most),
		})
	}
	c.weigh(list, in.Upload.AllowWeakening)
	slices.SortStableFunc(found, func(a, b snapshot.Problem) int { return strings.Compare(a.File, b.File) })
	out.Problems = slices.Concat(found, out.Problems)
	return nil
}

// heldSecrets are the problems of secrets of what is protected: a credential of it
// must not change either.
func (s *Service) heldSecrets(ctx context.Context, st *state, out *snapshot.Outcome, base snapshot.Base) ([]snapshot.Problem, error) {
	if len(st.policy.Protected) == 0 {
		return nil, nil
	}
	list, err := s.plannedSecrets(ctx, st, out)
	if err == nil {
		err = s.nameSecrets(list, base, base.With(out))
	}
	if err != nil {
		return nil, err
	}
	var found []snapshot.Problem
	for _, secret := range list {
		if secret.State == SecretSame {
			continue
		}
		i := slices.IndexFunc(st.policy.Protected, func(p snapshot.Protection) bool { return p.CoversSecret(secret.section, secret.Kind, secret.Name) })
		if i >= 0 {
			found = append(found, snapshot.Problem{
				Code: snapshot.CodeProtected, Level: snapshot.Error, Hint: "leave the secret away, or let an admin change the policy of the project",
				Message: fmt.Sprintf("the secret %s must not change here: %s is protected by the policy of the project", secret.called(true), st.policy.Protected[i]),
			})
		}
	}
	return found, nil
}
