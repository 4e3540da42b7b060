package project

import (
	"fmt"

	"postern/internal/signature"
	"postern/internal/snapshot"
)

// maxSigners bounds the keys of a policy.
const maxSigners = 100

// checkSigners refuses signers that cannot be told apart, and a demand that
// nobody could meet.
func (p Policy) checkSigners() error {
	if len(p.Signers) > maxSigners {
		return ErrPolicy.WithMessage(fmt.Sprintf("a policy may name at most %d signers", maxSigners))
	}
	names, keys := map[string]bool{}, map[signature.PublicKey]bool{}
	for _, s := range p.Signers {
		if checkName(s.Name) != nil {
			return ErrPolicy.WithMessage("the policy is not valid: the name of a signer must have 1 to 100 characters on one line")
		}
		if _, err := signature.ParsePublicKey(string(s.Key)); err != nil {
			return ErrPolicy.WithMessage(fmt.Sprintf("the policy is not valid: the key of the signer %q: %v", s.Name, err))
		}
		if names[s.Name] || keys[s.Key] {
			return ErrPolicy.WithMessage(fmt.Sprintf("the policy is not valid: the signer %q, or the key, is there twice", s.Name))
		}
		names[s.Name], keys[s.Key] = true, true
	}
	if p.RequireSigned && len(p.Signers) == 0 {
		return ErrPolicy.WithMessage("the policy is not valid: nothing could be imported, since it takes only signed snapshots and names no signer")
	}
	return nil
}

// demand is what the policy asks of signatures.
func (st *state) demand() signature.Demand {
	return signature.Demand{Required: st.policy.RequireSigned, Signers: st.policy.Signers, Project: st.project.ID}
}

// signed says who signed what is about to be imported, and adds to the upload what
// does not fit. A rollback brings what was accepted before, so that of its revision
// counts, as far as the policy still trusts its key. What waits to be confirmed
// goes back all the same.
func (st *state) signed(in Import) *signature.Signer {
	demand := st.demand()
	if in.target != nil {
		by := in.target.revision.SignedBy
		if by != nil {
			named := demand.Signer(by.Key)
			by = &named
		}
		if demand.Required && in.undoes == nil && (by == nil || by.Name == "") {
			in.Upload.Problems = append(in.Upload.Problems, snapshot.Problem{
				Code: snapshot.CodeUnsigned, Level: snapshot.Error, Hint: "import an export of the revision that is signed, or let an admin change the policy of the project",
				Message: fmt.Sprintf("revision %d was not signed by a key that the policy of the project names, and only signed ones are taken", in.target.revision.Number),
			})
		}
		return by
	}
	by, found := demand.Verify(in.Upload)
	if in.kind() == KindInfra {
		for i := range found {
			found[i].Hint = "infrastructure as code has no signature: import a folder that is signed, or let an admin change the policy of the project"
		}
	}
	in.Upload.Problems = append(in.Upload.Problems, found...)
	return by
}
