package snapshot

// A Tally counts differences by what happens to their entity or field.
type Tally struct {
	Created, Changed, Removed, Renamed int
}

// TallyOf counts differences. What is called otherwise counts as that alone.
func TallyOf(list []Difference) Tally {
	var t Tally
	for _, d := range list {
		switch {
		case d.Renames:
			t.Renamed++
		case d.Action == Created:
			t.Created++
		case d.Action == Removed:
			t.Removed++
		default:
			t.Changed++
		}
	}
	return t
}
