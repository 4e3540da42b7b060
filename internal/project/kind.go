package project

// A Kind says what made a revision.
type Kind string

// The kinds of revisions.
const (
	KindImport   Kind = "import"
	KindInfra    Kind = "infra"
	KindClone    Kind = "clone"
	KindRollback Kind = "rollback"
	KindEdit     Kind = "edit"
)

// A KindInfo describes a kind.
type KindInfo struct {
	Kind   Kind
	Action string // what the audit calls it
	Title  string
}

// Kinds are all of them. What makes revisions needs a row here.
var Kinds = []KindInfo{
	{KindImport, "project.import", "An import of files."},
	{KindInfra, "project.import", "A call of infrastructure as code."},
	{KindClone, "project.clone", "The configuration of another project, in a new one."},
	{KindRollback, "project.rollback", "An older revision, made the newest again."},
	{KindEdit, "project.edit", "A call that sets one thing, such as the password policy."},
}

// action is what the audit calls a kind; none for one that does not exist, which
// the audit refuses to record.
func (k Kind) action() string {
	for _, i := range Kinds {
		if i.Kind == k {
			return i.Action
		}
	}
	return ""
}
