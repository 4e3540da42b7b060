package project

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/audit"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// An Import is a request to make an upload the configuration of a project.
type Import struct {
	Project string
	Upload  *snapshot.Upload
	Kind    Kind // what asks for it; blank is KindImport
	// IfMatch is the digest of the revision that the caller saw, or "" for any.
	IfMatch string
	// Key, where there is one, is of the caller's choice: the same request with
	// the same key is one import, however often it is sent within Repeatable.
	Key string
	// Asker is the key that asks for a plan, whose own approval of it does not count;
	// blank where that is not known.
	Asker string
	// About, where it is there, is what the project becomes beside its
	// configuration, in the same transaction.
	About *New

	also   func(*store.Tx) error // what the transaction of the commit does for the owner of other rows
	first  func(*store.Tx) error // what the transaction of the commit does before all else
	dry    bool                  // it is checked only
	target *state                // a rollback: the revision that the upload is
	undoes *Pending              // a rollback: what it takes back instead of a confirmation
	repeat *repeat               // what is kept of it, where it has a key

	approved string              // who approved its plan, where that was needed
	meant    []snapshot.RiskCode // what weakens security in it, with leave
}

// A Result is what an import did.
type Result struct {
	Revision int64
	Digest   snapshot.Digest
	Changed  bool // false where the project was so already, and nothing was written
	Changes  []snapshot.Change
	Warnings []snapshot.Problem
	Pending  *Pending // where it goes back by itself unless it is confirmed
	Repeated bool     // it was done before, by a request with the same key
}

// A Report is what is wrong with an upload.
type Report struct {
	Problems []snapshot.Problem
	Missing  []snapshot.MissingSecret
}

// Failed reports whether the upload must be refused.
func (r *Report) Failed() bool { return snapshot.Failed(r.Problems) }

// apply checks an upload and applies it as a new revision, in one
// transaction. An upload that is refused is a snapshot.ErrInvalid with a
// *Report as its details; one that another import overtook is an ErrConflict.
// After any error but store.ErrOutcomeUnknown nothing was applied.
//
// Rollback comes through here too: whatever an import must be held against
// belongs into check or against, where st is the head for both.
func (s *Service) apply(ctx context.Context, by audit.Origin, in Import) (*Result, error) {
	c, err := s.check(ctx, in)
	if err != nil {
		return nil, err
	}
	st, out, config := c.st, c.out, c.config
	in.meant = c.meant
	if in.approved, err = s.second(ctx, by, c, in); err != nil {
		return nil, err
	}
	if out.Failed() {
		s.refused(ctx, by, in, out)
		return nil, snapshot.ErrInvalid.With(&Report{out.Problems, out.Missing})
	}
	if err := s.planned(ctx, st, in, out); err != nil {
		return nil, err
	}
	next, err := s.seal(ctx, st, out)
	if err != nil {
		return nil, err
	}
	res := &Result{Revision: st.revision.Number, Digest: st.revision.Digest, Changes: out.Changes, Warnings: out.Problems}
	if next.same {
		s.trees.stand(st.revision, out.Standing)
		return res, errors.Join(s.describe(ctx, by, in, st), s.keepAnswer(ctx, in.Project, in.repeat, res))
	}
	config.Revision = st.revision.Number + 1
	res.Revision, res.Digest, res.Changed = config.Revision, config.Digest, true
	in.first = func(tx *store.Tx) error {
		if in.also != nil {
			if err := in.also(tx); err != nil {
				return err
			}
		}
		return errors.Join(describe(tx, by, in, st), in.repeat.insert(tx, in.Project, res))
	}
	if res.Pending, err = s.commit(ctx, by, in, st, config, out, next); err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	s.swap(config)
	return res, nil
}

// Decode reads the body of an import or a validation of a project from the wire.
func (s *Service) Decode(r io.Reader, project string, maxFiles int) (*snapshot.Upload, error) {
	return s.facts.Decode(r, maxFiles, s.trees.likely(project))
}

// Validate checks an upload and changes nothing.
func (s *Service) Validate(ctx context.Context, in Import) (*Report, error) {
	in.dry = true
	c, err := s.check(ctx, in)
	if err != nil {
		return nil, err
	}
	return &Report{slices.Concat(c.weakened, c.out.Problems), c.out.Missing}, nil
}

// checked is an upload that was held against the head.
type checked struct {
	st     *state
	out    *snapshot.Outcome
	config *Config

	weakened []snapshot.Problem  // what weakens security, and nobody gave leave to
	meant    []snapshot.RiskCode // what weakens security, and leave was given to
}

// check holds an upload against the head and compiles what it would make, so
// that what would not run is a problem like any other.
func (s *Service) check(ctx context.Context, in Import) (*checked, error) {
	if err := in.checkWords(); err != nil {
		return nil, err
	}
	st, err := s.head(ctx, in.Project)
	if err != nil {
		return nil, err
	}
	if err := st.allows(in); err != nil {
		return nil, err
	}
	if in.IfMatch != "" && in.IfMatch != st.revision.Digest.String() {
		return nil, ErrPrecond
	}
	st.signer = st.signed(in)
	c := &checked{st: st}
	c.out, c.config, err = s.against(ctx, st, in)
	if err == nil && in.undoes == nil { // what must be confirmed goes back, whatever else it did
		err = s.held(ctx, c, in)
	}
	return c, err
}

// against holds an upload against a state. That of a rollback is whole, so it is
// held against itself, which changes nothing in it, and then compared with the
// state.
func (s *Service) against(ctx context.Context, st *state, in Import) (*snapshot.Outcome, *Config, error) {
	base := s.base(ctx, st)
	if in.target != nil {
		base = s.base(ctx, in.target)
	}
	out, err := snapshot.Check(in.Upload, base, &s.facts)
	if err != nil {
		return nil, nil, fmt.Errorf("check import: %w", err)
	}
	if in.target != nil {
		in.target.lost(out)
		out.Changes = snapshot.Diff(st.tree, out.Tree)
	}
	if out.Failed() {
		return out, nil, nil
	}
	config, problems, err := s.compile(st, base, out)
	if err != nil {
		return nil, nil, fmt.Errorf("compile: %w", err)
	}
	out.Problems = slices.Concat(problems, unstorable(out.Set), out.Problems)
	return out, config, nil
}

// unstorable reports secrets of entities whose id no column of text can hold.
func unstorable(set []snapshot.SecretValue) []snapshot.Problem {
	var out []snapshot.Problem
	for _, v := range set {
		if hasControl(v.Entity) || hasControl(v.Field) {
			out = append(out, snapshot.Problem{
				Pointer: "/inputSecrets", Code: snapshot.CodePattern, Level: snapshot.Error,
				Message: fmt.Sprintf("the id %q has a control character", v.Entity),
			})
		}
	}
	return out
}

// refused records an import that was refused, even if its caller has gone.
// Losing the record must not hide the answer, so its failure is only logged.
func (s *Service) refused(ctx context.Context, by audit.Origin, in Import, out *snapshot.Outcome) {
	ctx = context.WithoutCancel(ctx)
	e := by.Event(in.kind().action(), audit.Refused)
	e.Project, e.Details = in.Project, map[string]any{"problems": len(out.Problems), "missingSecrets": len(out.Missing)}
	err := s.DB.Write(ctx, func(_ context.Context, tx *store.Tx) error { return audit.Record(tx, e) })
	if err != nil && s.Log != nil {
		s.Log.WarnContext(ctx, "refused import not recorded", "project", in.Project, "err", err)
	}
}

// commit writes the new revision with everything that belongs to it.
func (s *Service) commit(ctx context.Context, by audit.Origin, in Import, st *state, config *Config, out *snapshot.Outcome, next *sealed) (*Pending, error) {
	c, err := s.codec()
	if err != nil {
		return nil, err
	}
	manifest := out.Tree.Manifest()
	list, err := json.Marshal(next.secrets)
	if err != nil {
		return nil, err
	}
	rev := Revision{
		Number: st.revision.Number + 1, Parent: st.revision.Number, Digest: snapshot.Sum(manifest), secretsDigest: snapshot.Sum(list),
		CreatedAt: time.Now(), Author: by.Actor, Kind: in.kind(), Message: in.Upload.Message, Source: in.Upload.Source, Summary: summarize(out.Changes), Environment: in.Upload.Environment, SignedBy: st.signer,
	}
	blobs := append(c.encodeAll(out.Fresh), c.encode(rev.Digest, manifest), c.encode(rev.secretsDigest, list))
	pending := in.pending(rev)
	err = s.DB.WriteLarge(ctx, func(_ context.Context, tx *store.Tx) error {
		if in.first != nil {
			if err := in.first(tx); err != nil {
				return err
			}
		}
		if err := in.settle(tx); err != nil {
			return err
		}
		if err := errors.Join(in.stillThere(tx, next.secrets), in.fulfil(tx)); err != nil {
			return err
		}
		if err := insertRevision(tx, in.Project, rev); err != nil {
			return err
		}
		if err := pending.insert(tx, in.Project); err != nil {
			return err
		}
		if err := insertBlobs(tx, blobs); err != nil {
			return err
		}
		if err := s.insertSecrets(tx, in.Project, next.key, next.fresh); err != nil {
			return err
		}
		if err := s.obey(tx, config); err != nil {
			return err
		}
		return audit.Record(tx, in.done(by, rev, pending, out.Carried))
	})
	if err == nil {
		c.lately.keep(out.Fresh, true)
		s.trees.keep(in.Project, rev, out.Tree, next.secrets)
		s.trees.stand(rev, out.Standing)
	}
	return pending, err
}

// obey lets other owners of data do what a new configuration asks of them.
func (s *Service) obey(tx *store.Tx, config *Config) error {
	for _, fn := range s.Obeyed {
		if err := fn(tx, config); err != nil {
			return err
		}
	}
	return nil
}

// done is what the audit says of an import that was applied.
func (in Import) done(by audit.Origin, rev Revision, pending *Pending, follow []snapshot.StoredSecret) audit.Event {
	e := by.Event(rev.Kind.action(), audit.Done)
	e.Project = in.Project
	e.Details = map[string]any{"revision": rev.Number, "digest": rev.Digest.String(), "summary": rev.Summary}
	if len(follow) > 0 {
		e.Details["carriedSecrets"] = carried(follow)
	}
	if rev.Environment != "" {
		e.Details["environment"] = rev.Environment
	}
	if rev.SignedBy != nil {
		e.Details["signedBy"] = rev.SignedBy
	}
	if in.target != nil {
		e.Details["to"] = in.target.revision.Number
	}
	if len(in.meant) > 0 {
		e.Details["allowedWeakening"] = in.meant
	}
	if in.approved != "" {
		e.Details["approvedBy"] = in.approved
	}
	if in.undoes != nil {
		e.Details["undoes"] = in.undoes.Revision
	}
	if pending != nil {
		e.Details["confirmBy"] = pending.At.UTC().Format(time.RFC3339)
	}
	return e
}

// carried names the secrets that an admin key let follow their entity to
// another destination.
func carried(list []snapshot.StoredSecret) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Kind+"/"+c.Entity+"/"+c.Field)
	}
	slices.Sort(out)
	return out
}

// summarize counts changes in words: "2 created, 1 removed".
func summarize(changes []snapshot.Change) string {
	count := map[snapshot.Action]int{}
	for _, c := range changes {
		count[c.Action]++
	}
	text := ""
	for _, action := range []snapshot.Action{snapshot.Created, snapshot.Changed, snapshot.Removed} {
		if n := count[action]; n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", n, action)
		}
	}
	if text == "" {
		return "secrets only"
	}
	return text
}

// first is the first of the problems that refuse an upload, for people.
func (r *Report) first() string {
	for _, p := range r.Problems {
		if p.Level == snapshot.Error {
			return p.String()
		}
	}
	return ""
}
