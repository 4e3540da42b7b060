package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/snapshot"
)

// Effects is what the owner of some data can say of a plan. A feature that keeps
// what a configuration decides about (users, sessions, tenants) adds one to
// Service.Effects when the server is built, and is asked for each plan.
type Effects struct {
	Owner string // whose data it is, in the plural, for errors: "users"
	// Of looks at what would change. It writes nothing and opens no secret. It is
	// asked about imports that would be refused, too; where nobody can know what
	// they would change, there are no differences.
	Of func(ctx context.Context, p Planned) ([]Told, error)
}

// Planned is what the owners of data are asked about.
type Planned struct {
	Project     string
	Differences []snapshot.Difference // not to be changed
	Secrets     []PlannedSecret       // not to be changed

	before, after snapshot.Base
	pending       *Pending
}

// Whole is the place of an effect that no single difference has.
const Whole = -1

// Told is an effect and what has it: the index of a difference, or Whole.
type Told struct {
	Difference int
	snapshot.Effect
}

// The codes of the effects that this package tells.
const (
	effectReferences = "referred_to"
	effectSecrets    = "secrets_dropped"
	effectWaits      = "waits_for_confirmation"
)

// tellEffects asks every owner, gives the differences their effects, and returns
// those of the whole. An owner that cannot answer makes no plan that looks whole.
func (s *Service) tellEffects(ctx context.Context, p Planned) ([]snapshot.Effect, error) {
	owners := []Effects{{"references", s.references}, {"secrets", droppedSecrets}, {"confirmations", waits}}
	list, whole := slices.Clone(p.Differences), []snapshot.Effect{}
	for _, owner := range append(owners, s.Effects...) {
		all, err := owner.Of(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("effects on %s: %w", owner.Owner, err)
		}
		for _, told := range all {
			switch i := told.Difference; {
			case i == Whole:
				whole = append(whole, told.Effect)
			case i < 0 || i >= len(list):
				return nil, fmt.Errorf("effects on %s: there is no difference %d", owner.Owner, i)
			default:
				list[i].Effects = append(list[i].Effects, told.Effect)
			}
		}
	}
	copy(p.Differences, list) // no owner sees what another one says
	return whole, nil
}

// references says what refers to what is removed or called otherwise.
func (s *Service) references(_ context.Context, p Planned) ([]Told, error) {
	found, err := s.facts.Referrers(p.before, p.after, p.Differences)
	if err != nil {
		return nil, err
	}
	var out []Told
	for i, list := range found {
		if len(list) == 0 {
			continue
		}
		verb, when := "refer", "now"
		if len(list) == 1 {
			verb = "refers"
		}
		if p.Differences[i].Renames {
			when = "under the new name"
		}
		text := fmt.Sprintf("%d %s to it %s: %s.", len(list), verb, when, few(list, snapshot.Referrer.String))
		out = append(out, Told{i, snapshot.Effect{Code: effectReferences, Message: text, Count: len(list)}})
	}
	return out, nil
}

// droppedSecrets says which stored secrets go with what is removed.
func droppedSecrets(_ context.Context, p Planned) ([]Told, error) {
	gone := map[int][]PlannedSecret{}
	for _, secret := range p.Secrets {
		if secret.State == SecretRemoved {
			i := p.of(secret)
			gone[i] = append(gone[i], secret)
		}
	}
	var out []Told
	for i := Whole; i < len(p.Differences); i++ {
		list := gone[i]
		if len(list) == 0 {
			continue
		}
		noun, them := "secrets are", "them"
		if len(list) == 1 {
			noun, them = "secret is", "it"
		}
		text := fmt.Sprintf("%d stored %s dropped: %s. Older revisions keep %s until they are collected or the secret is revoked.",
			len(list), noun, few(list, func(s PlannedSecret) string { return s.called(i == Whole) }), them)
		out = append(out, Told{i, snapshot.Effect{Code: effectSecrets, Message: text, Count: len(list)}})
	}
	return out, nil
}

// of is the difference that takes a secret away: that of the whole entity, or
// else the first one of it.
func (p Planned) of(s PlannedSecret) int {
	first := Whole
	for i, d := range p.Differences {
		if d.Kind != snapshot.KindWords(s.Kind) || d.ID != s.ID {
			continue
		}
		if d.Field == "" {
			return i
		}
		if first == Whole {
			first = i
		}
	}
	return first
}

// called names a secret, with its entity or without.
func (p PlannedSecret) called(whole bool) string {
	what := p.Type
	if what == "" {
		what = p.Field
	}
	if !whole {
		return what
	}
	return fmt.Sprintf("%s of the %s %q", what, snapshot.KindWords(p.Kind), p.Name)
}

// waits says what must be settled before anything is imported.
func waits(_ context.Context, p Planned) ([]Told, error) {
	if p.pending == nil {
		return nil, nil
	}
	text := p.pending.String()
	text = fmt.Sprintf("%s%s. Nothing else is imported before it is confirmed or undone: postern project confirm %d, with --undo to undo it.",
		strings.ToUpper(text[:1]), text[1:], p.pending.Revision)
	return []Told{{Whole, snapshot.Effect{Code: effectWaits, Message: text, Count: 1}}}, nil
}

// few names the first of some things, and says how many more there are.
func few[T any](list []T, name func(T) string) string {
	const most = 3
	var names []string
	for _, v := range list[:min(len(list), most)] {
		names = append(names, name(v))
	}
	text := strings.Join(names, ", ")
	if n := len(list) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
