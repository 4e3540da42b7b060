package project

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"postern/internal/fault"
	"postern/internal/signature"
	"postern/internal/snapshot"
)

// ErrPlanned is a plan that is not what would be done now.
var ErrPlanned = fault.New(fault.Conflict, "P40905",
	"what would be done is not what the plan says: the project, the files, a secret or an option changed since; nothing was applied: make the plan again, and look at it")

// A Plan says what an import would do. It is made of the same stations as an
// import, up to the one that writes, and no stored secret is opened for it.
type Plan struct {
	Report
	Base   Revision        // the head that it was made against
	Result snapshot.Digest // of the configuration that would be there; zero where it would be refused
	// Digest is of all of the plan, to be given to the import. It is zero where that
	// would be refused, but not where an approval is all that it lacks.
	Digest      snapshot.Digest
	Approvals   []Approval // of this plan
	Changed     bool
	Differences []snapshot.Difference // none of secrets
	Effects     []snapshot.Effect     // of the plan as a whole; each difference has its own
	Secrets     []PlannedSecret
	Rebound     []snapshot.Rebound
	Left        snapshot.Left // what stays whatever it is, as it was not brought
	Pending     *Pending      // what waits to be confirmed; until then nothing is imported

	shown bool // whether Differences are known, though it may be refused

	from, made snapshot.Base // the two sides of Differences
}

// Flows returns the flows that the import would change, step by step; none where
// nobody knows what it would change.
func (p *Plan) Flows() ([]snapshot.Flow, error) {
	if !p.shown {
		return nil, nil
	}
	return snapshot.FlowsStored(p.from, p.made)
}

// A SecretState says what an import does with one secret.
type SecretState string

// The states of a secret in a plan.
const (
	SecretSame    SecretState = "same"    // what is stored stays, or is brought again
	SecretSet     SecretState = "set"     // there was none
	SecretChanges SecretState = "changes" // another value is brought
	SecretUnknown SecretState = "unknown" // a value is brought; the stored one has no fingerprint to compare it with
	SecretFollows SecretState = "follows" // what is stored follows to a new destination, by leave of an admin
	SecretRemoved SecretState = "removed" // its entity, or its place in it, is gone
	SecretMissing SecretState = "missing" // none is stored and none is brought
	SecretMoved   SecretState = "moved"   // what is stored is not carried over to a new destination, and none is brought
)

// A PlannedSecret is a secret, without its value.
type PlannedSecret struct {
	Kind  string      `json:"kind"` // of its entity
	ID    string      `json:"id"`   // of its entity
	Name  string      `json:"name,omitzero"`
	Field string      `json:"field"`
	Group string      `json:"group,omitzero"` // as in missingSecrets, and so are the id, the name and the type
	Type  string      `json:"type,omitzero"`
	State SecretState `json:"state"`

	fingerprint []byte // of a value that is brought
	section     string // that its entity is in
}

// Plan says what Import would do with the same upload, and changes nothing. An
// upload that would be refused has a plan, too: its problems, and what it would
// change if that were all that is wrong with its secrets.
func (s *Service) Plan(ctx context.Context, in Import) (*Plan, error) {
	in.dry = true
	whole := in.Upload.Clone()
	c, err := s.check(ctx, in)
	if err != nil {
		return nil, err
	}
	plan, err := s.planOf(ctx, c.st, in, c.out, whole)
	if err != nil {
		return nil, err
	}
	plan.Approvals, err = s.awaits(ctx, c, in, plan.Digest, &plan.Report)
	return plan, err
}

// planOf makes the plan of an outcome.
func (s *Service) planOf(ctx context.Context, st *state, in Import, out *snapshot.Outcome, whole *snapshot.Upload) (*Plan, error) {
	plan := &Plan{Report: Report{out.Problems, out.Missing}, Base: st.revision, Rebound: out.Rebound, Left: snapshot.LeftBy(whole, st.tree), Pending: st.pending}
	base := s.base(ctx, st)
	shown := out
	if out.Failed() && in.target == nil {
		var err error
		if shown, err = snapshot.Suppose(whole, base, &s.facts); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		plan.Rebound = shown.Rebound
	}
	var err error
	if plan.Secrets, err = s.plannedSecrets(ctx, st, out); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	made := base.With(shown)
	plan.from, plan.made = snapshot.Base{Tree: base.Tree, Load: base.Load}, made
	if plan.shown = !shown.Failed(); plan.shown {
		if plan.Differences, err = s.facts.CompareStored(plan.from, made); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		if err = s.nameSecrets(plan.Secrets, base, made); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	if plan.Effects, err = s.tellEffects(ctx, Planned{in.Project, plan.Differences, plan.Secrets, base, made, st.pending}); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if !out.Failed() {
		plan.Result = out.Tree.Digest()
		plan.Digest, err = planDigest(st, in, out, plan.Secrets)
		plan.Changed = len(out.Changes) > 0 || st.revision.Number == 0 || slices.ContainsFunc(plan.Secrets, PlannedSecret.differs)
	}
	return plan, err
}

// planned refuses an import that is not what its plan says.
func (s *Service) planned(ctx context.Context, st *state, in Import, out *snapshot.Outcome) error {
	if in.Upload.Plan == "" {
		return nil
	}
	secrets, err := s.plannedSecrets(ctx, st, out)
	if err != nil {
		return err
	}
	digest, err := planDigest(st, in, out, secrets)
	if err == nil && digest.String() != in.Upload.Plan {
		err = ErrPlanned
	}
	return err
}

// planDigest is that of everything that decides what an import does.
func planDigest(st *state, in Import, out *snapshot.Outcome, secrets []PlannedSecret) (snapshot.Digest, error) {
	type value struct {
		Kind, ID, Field string
		State           SecretState
		Fingerprint     []byte
	}
	said := struct {
		Project  string
		Revision int64
		Base     string
		Result   string
		Kind     Kind
		Moved    bool
		Policy   Policy
		Signer   *signature.Signer
		Secrets  []value
	}{in.Project, st.revision.Number, st.revision.Digest.String(), out.Tree.Digest().String(), in.kind(), in.Upload.AllowMoved, st.policy, st.signer, []value{}}
	for _, p := range secrets {
		said.Secrets = append(said.Secrets, value{p.Kind, p.ID, p.Field, p.State, p.fingerprint})
	}
	text, err := json.Marshal(said)
	return snapshot.Sum(text), err
}

// plannedSecrets says what becomes of each secret. Values that are brought are
// compared with stored ones by their fingerprints.
func (s *Service) plannedSecrets(ctx context.Context, st *state, out *snapshot.Outcome) ([]PlannedSecret, error) {
	stored := st.secretIDs()
	list := []PlannedSecret{}
	add := func(place snapshot.StoredSecret, state SecretState, fingerprint []byte) {
		delete(stored, placeOf(place))
		list = append(list, PlannedSecret{Kind: place.Kind, ID: place.Entity, Field: place.Field, State: state, fingerprint: fingerprint})
	}
	if len(out.Set) > 0 {
		if err := s.broughtSecrets(ctx, st, out, stored, add); err != nil {
			return nil, err
		}
	}
	follows := map[snapshot.StoredSecret]bool{}
	for _, k := range out.Carried {
		follows[placeOf(k)] = true
	}
	for _, k := range out.Keep {
		state := SecretSame
		switch id := stored[placeOf(k)]; {
		case follows[placeOf(k)]:
			state = SecretFollows
		case id == "":
			state = SecretSet // a rollback brings it back
		case id != k.ID:
			state = SecretChanges
		}
		add(k, state, []byte(k.ID))
	}
	absentSecrets(out, stored, add)
	slices.SortFunc(list, func(a, b PlannedSecret) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Field, b.Field))
	})
	return list, nil
}

func placeOf(s snapshot.StoredSecret) snapshot.StoredSecret {
	s.ID = ""
	return s
}

// broughtSecrets adds those whose values the upload has.
func (s *Service) broughtSecrets(ctx context.Context, st *state, out *snapshot.Outcome, stored map[snapshot.StoredSecret]string, add func(snapshot.StoredSecret, SecretState, []byte)) error {
	marks, err := s.marks(ctx, st, out)
	if err != nil {
		return err
	}
	key, err := s.newestKey(ctx, st.project.ID) // every process must have the same digest
	if err != nil {
		return err
	}
	for _, v := range out.Set {
		place := snapshot.StoredSecret{Kind: v.Kind, Entity: v.Entity, Field: v.Field}
		fingerprint, err := key.key.Fingerprint(unversioned(st.project.ID, place), v.Value)
		if err != nil {
			return err
		}
		state := SecretSet
		if id, ok := stored[place]; ok {
			same, known, err := s.matches(st.project.ID, place, marks[id], v.Value)
			switch {
			case err != nil:
				return err
			case !known:
				state = SecretUnknown
			case same:
				state = SecretSame
			default:
				state = SecretChanges
			}
		}
		add(place, state, fingerprint)
	}
	return nil
}

// absentSecrets adds those that are needed and not there, and those that would
// not be there any more. Of an upload that is refused nobody knows what stays.
func absentSecrets(out *snapshot.Outcome, stored map[snapshot.StoredSecret]string, add func(snapshot.StoredSecret, SecretState, []byte)) {
	for _, place := range out.Lacking {
		state := SecretMissing
		if stored[place] != "" {
			state = SecretMoved
		}
		add(place, state, nil)
	}
	if out.Failed() {
		return
	}
	left := make([]snapshot.StoredSecret, 0, len(stored))
	for place := range stored {
		left = append(left, place)
	}
	for _, place := range left {
		add(place, SecretRemoved, nil)
	}
}

// nameSecrets gives secrets the names of their entities, and the words that they
// have in inputSecrets. What the last configuration says goes before the others.
func (s *Service) nameSecrets(list []PlannedSecret, configurations ...snapshot.Base) error {
	for _, c := range configurations {
		all, err := s.facts.Describe(c)
		if err != nil {
			return err
		}
		for i, p := range list {
			if e, ok := all[snapshot.EntityKey{Kind: p.Kind, ID: p.ID}]; ok {
				list[i].Name, list[i].Group, list[i].Type, list[i].section = e.Name, e.Group, e.Type(p.Field), e.Section
			}
		}
	}
	return nil
}
