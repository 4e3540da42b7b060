package snapshot

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

// Empty reports whether nothing is left as it is.
func (l Left) Empty() bool { return len(l.Sections)+len(l.Excluded) == 0 }
