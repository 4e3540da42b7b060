package snapshot

// A Source says where the files of an upload come from, in the words of whoever
// sent them. Nothing here has looked whether it is true.
type Source struct {
	Commit     string `json:"commit,omitempty"`     // the name of a commit, in full
	Branch     string `json:"branch,omitempty"`     // that it was on
	Dirty      bool   `json:"dirty,omitzero"`       // whether the files differed from the commit
	Repository string `json:"repository,omitempty"` // which one, and the folder in it
}
