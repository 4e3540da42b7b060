package project

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"postern/internal/fault"
	"postern/internal/snapshot"
	"postern/internal/store"
)

// ErrNoBase is a question for drift of files of which nobody knows where they come
// from.
var ErrNoBase = fault.New(fault.NotFound, "P40404",
	"which revision the files come from is not known: none that is kept is what they are now; name it as base")

// A DriftState says how files and a project stand to each other. The zero value
// says that it is not known: the files would be refused.
type DriftState string

// The states of drift.
const (
	InSync   DriftState = "in-sync"  // an import of the files would change nothing
	Ahead    DriftState = "ahead"    // only the files changed since their base
	Behind   DriftState = "behind"   // only the project changed: an import would take that back
	Diverged DriftState = "diverged" // both did
)

// A Side says who changed something since the base.
type Side string

// The sides.
const (
	SideFiles  Side = "files"
	SideServer Side = "server"
	SideBoth   Side = "both"
)

// A Drift is how files and a project differ, seen from the revision that the
// files come from.
type Drift struct {
	Report           // what is wrong with the files, held against the head
	State            DriftState
	Base             Revision // that the files come from
	Head             Revision
	Fields           []Drifted
	Secrets          []DriftedSecret // that differ, or that the server has another value of than at the base
	Revisions        map[int64]Revision
	Pending          *Pending // where the head waits to be confirmed
	onServer, inBase []snapshot.Difference
}

// A Drifted is one thing in which the files and the head differ.
type Drifted struct {
	snapshot.Difference // what an import of the files would do with the head
	Side                Side
	OnServer            []snapshot.Difference // what became of it between the base and the head
	InFiles             []snapshot.Difference // what an import into the base would do
	By                  int64                 // the last revision that changed it on the server, one of Revisions; 0 for none, or not found
}

// A DriftedSecret is a secret, without its value.
type DriftedSecret struct {
	PlannedSecret // what an import of the files would do with it
	Side          Side
	By            int64
}

// maxDriftWalk bounds how many revisions are looked through for who changed
// something.
const maxDriftWalk = 1000

// Drift says how an upload and the head of a project differ, and who changed
// what since the revision that the upload comes from, Upload.Base. Where that is
// 0 it is the newest one that is what the upload is now. It changes nothing, and
// opens no secret.
func (s *Service) Drift(ctx context.Context, in Import) (*Drift, error) {
	whole := in.Upload.Clone()
	plan, err := s.Plan(ctx, in)
	if err != nil {
		return nil, err
	}
	d := &Drift{Report: plan.Report, Head: plan.Base, Pending: plan.Pending, Revisions: map[int64]Revision{}}
	if !plan.shown {
		return d, nil
	}
	base, head, err := s.driftEnds(ctx, in, plan)
	if err != nil {
		return nil, fmt.Errorf("drift: %w", err)
	}
	d.Base = base.revision
	was := plan
	if base.revision.Number != head.revision.Number {
		if was, err = s.planOver(ctx, base, in, whole); err != nil {
			return nil, fmt.Errorf("drift: %w", err)
		}
		from, to := s.base(ctx, base), s.base(ctx, head)
		d.onServer, err = s.facts.CompareStored(snapshot.Base{Tree: from.Tree, Load: from.Load}, snapshot.Base{Tree: to.Tree, Load: to.Load})
		if err != nil {
			return nil, fmt.Errorf("drift: %w", err)
		}
	}
	d.inBase = was.Differences
	if !was.shown { // what the files changed is not known: all that differs may be theirs
		d.inBase = plan.Differences
	}
	d.compare(plan.Differences)
	d.compareSecrets(plan.Secrets, was.Secrets, base, head)
	d.judge()
	if err := s.attribute(ctx, in.Project, d); err != nil {
		return nil, fmt.Errorf("drift: %w", err)
	}
	return d, nil
}

// planOver is the plan of an upload against an older state.
func (s *Service) planOver(ctx context.Context, st *state, in Import, whole *snapshot.Upload) (*Plan, error) {
	in.Upload = whole.Clone()
	out, _, err := s.against(ctx, st, in)
	if err != nil {
		return nil, err
	}
	return s.planOf(ctx, st, in, out, whole)
}

// driftEnds reads the state that the files come from, and that of the plan.
func (s *Service) driftEnds(ctx context.Context, in Import, plan *Plan) (base, head *state, err error) {
	err = s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		number := plan.Base.Number
		if head, err = s.readState(tx, in.Project, number); err != nil {
			return err
		}
		switch asked := in.Upload.Base; {
		case head.revision.Number != number: // there was none when the plan was made
			return ErrConflict
		case asked < 0 || asked > number:
			return ErrNoRevision
		case number == 0:
			base = head
			return nil
		case asked > 0:
			number = asked
		case len(plan.Differences) > 0:
			if number, err = newestWith(tx, in.Project, plan.Result); err != nil {
				return err
			}
		}
		base, err = s.readState(tx, in.Project, number)
		return err
	})
	return base, head, err
}

// newestWith finds the newest revision with a digest.
func newestWith(tx *store.Tx, id string, digest snapshot.Digest) (int64, error) {
	var number sql.NullInt64
	err := tx.QueryRow(`SELECT max(number) FROM revisions WHERE project = $1 AND digest = $2`, id, digest[:]).Scan(&number)
	if err == nil && !number.Valid {
		err = ErrNoBase
	}
	return number.Int64, err
}

// touching are the differences that one has to do with.
func touching(list []snapshot.Difference, one snapshot.Difference) []snapshot.Difference {
	var out []snapshot.Difference
	for _, d := range list {
		if d.Touches(one) {
			out = append(out, d)
		}
	}
	return out
}

// sideOf says who changed something. What neither side is known to have changed
// and differs all the same counts for both.
func sideOf(server, files bool) Side {
	switch {
	case server && !files:
		return SideServer
	case files && !server:
		return SideFiles
	default:
		return SideBoth
	}
}

func (d *Drift) compare(differ []snapshot.Difference) {
	for _, p := range differ {
		row := Drifted{Difference: p, OnServer: touching(d.onServer, p), InFiles: touching(d.inBase, p)}
		row.Side = sideOf(len(row.OnServer) > 0, len(row.InFiles) > 0)
		d.Fields = append(d.Fields, row)
	}
}

// differs reports whether an import would leave another value than there is.
func (p PlannedSecret) differs() bool { return p.State != SecretSame && p.State != SecretFollows }

// compareSecrets tells secrets apart by the names of their stored values, and by
// their fingerprints, which the plans did.
func (d *Drift) compareSecrets(now, was []PlannedSecret, base, head *state) {
	inFiles := map[snapshot.StoredSecret]bool{}
	for _, p := range was {
		inFiles[p.place()] = p.differs()
	}
	before, after := base.secretIDs(), head.secretIDs()
	for _, p := range now {
		onServer := before[p.place()] != after[p.place()]
		switch {
		case p.differs():
			d.Secrets = append(d.Secrets, DriftedSecret{PlannedSecret: p, Side: sideOf(onServer, inFiles[p.place()])})
		case onServer:
			d.Secrets = append(d.Secrets, DriftedSecret{PlannedSecret: p, Side: SideServer})
		}
	}
}

func (p PlannedSecret) place() snapshot.StoredSecret {
	return snapshot.StoredSecret{Kind: p.Kind, Entity: p.ID, Field: p.Field}
}

// secretIDs are the names of the stored values by their places.
func (st *state) secretIDs() map[snapshot.StoredSecret]string {
	out := map[snapshot.StoredSecret]string{}
	for _, k := range st.secrets {
		out[placeOf(k)] = k.ID
	}
	return out
}

// judge makes one state of all that differs.
func (d *Drift) judge() {
	server, files := false, false
	count := func(side Side) {
		server = server || side != SideFiles
		files = files || side != SideServer
	}
	for _, f := range d.Fields {
		count(f.Side)
	}
	for _, p := range d.Secrets {
		if p.differs() {
			count(p.Side)
		}
	}
	switch {
	case server && files:
		d.State = Diverged
	case server:
		d.State = Behind
	case files:
		d.State = Ahead
	default:
		d.State = InSync
	}
}

// attribute finds the last revision that changed each thing on the server, from
// the head back to the base.
func (s *Service) attribute(ctx context.Context, id string, d *Drift) error {
	c, err := s.codec()
	if err != nil {
		return err
	}
	return s.DB.Read(ctx, func(_ context.Context, tx *store.Tx) error {
		load := func(digests []snapshot.Digest) (map[snapshot.Digest][]byte, error) {
			return c.loadBlobs(tx, digests)
		}
		if !d.open() {
			return nil
		}
		now, err := s.readState(tx, id, d.Head.Number)
		if err != nil {
			return err
		}
		for range maxDriftWalk {
			if now.revision.Number <= d.Base.Number || !d.open() {
				return nil
			}
			parent, err := s.readState(tx, id, now.revision.Parent)
			if errors.Is(err, ErrNoRevision) {
				return nil // it was collected, and so was whoever did it
			}
			if err != nil {
				return err
			}
			list, err := s.facts.CompareStored(snapshot.Base{Tree: parent.tree, Load: load}, snapshot.Base{Tree: now.tree, Load: load})
			if err != nil {
				return err
			}
			d.blame(now, parent, list)
			now = parent
		}
		return nil
	})
}

// open reports whether there is anything of which nobody knows who did it.
func (d *Drift) open() bool {
	for _, f := range d.Fields {
		if len(f.OnServer) > 0 && f.By == 0 {
			return true
		}
	}
	for _, p := range d.Secrets {
		if p.Side != SideFiles && p.By == 0 {
			return true
		}
	}
	return false
}

// blame marks what a revision changed, where no later one did.
func (d *Drift) blame(now, parent *state, list []snapshot.Difference) {
	mark := func(by *int64) {
		*by = now.revision.Number
		d.Revisions[*by] = now.revision
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		for _, o := range f.OnServer {
			if f.By == 0 && len(touching(list, o)) > 0 {
				mark(&f.By)
			}
		}
	}
	before, after := parent.secretIDs(), now.secretIDs()
	for i := range d.Secrets {
		p := &d.Secrets[i]
		if p.By == 0 && p.Side != SideFiles && before[p.place()] != after[p.place()] {
			mark(&p.By)
		}
	}
}
