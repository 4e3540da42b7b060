package snapshot

import "strings"

// Left is what an import leaves as it is, whatever the files say or do not say.
type Left struct {
	Sections []string `json:"sections"` // those that the target has and the files have nothing of
	Excluded []string `json:"excluded"` // the exclude keys of the upload
}

// LeftBy says what an import of an upload leaves of a target. Omitted is not
// empty: a section that has no file in the upload stays.
func LeftBy(up *Upload, target Tree) Left {
	brought := map[*Section]bool{}
	for path := range up.Files {
		if at, ok := locate(path); ok {
			brought[at.Section] = true
		}
	}
	stays := map[*Section]bool{}
	for path := range target {
		if at, ok := locate(path); ok && !brought[at.Section] {
			stays[at.Section] = true
		}
	}
	left := Left{Sections: []string{}, Excluded: append([]string{}, up.Excludes...)}
	for i := range Sections {
		if stays[&Sections[i]] {
			left.Sections = append(left.Sections, Sections[i].Name)
		}
	}
	return left
}

// Says are sentences for people, one for each reason.
func (l Left) Says() []string {
	var out []string
	if len(l.Sections) > 0 {
		out = append(out, "Left as it is, because the files have nothing of it: "+strings.Join(l.Sections, ", ")+".")
	}
	if len(l.Excluded) > 0 {
		out = append(out, "Left as it is, because it is excluded: "+strings.Join(l.Excluded, ", ")+".")
	}
	return out
}
