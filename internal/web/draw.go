package web

import (
	"cmp"
	"fmt"
	"slices"

	"postern/internal/snapshot"
)

// The measures of a picture, in pixels.
const (
	boxWidth, boxHeight = 200, 58
	gapX, gapY          = 36, 76
	margin              = 20
	laneGap             = 16 // between ways that lead back, which run beside the boxes
)

// A picture is a graph with a place for everything in it.
type picture struct {
	Width, Height int
	Boxes         []box
	Lines         []line
}

type box struct {
	snapshot.Step
	X, Y int
}

// W and H are the size of a box.
func (box) W() int { return boxWidth }

// H is the height of a box.
func (box) H() int { return boxHeight }

type line struct {
	snapshot.Way
	Path    string
	X, Y    int    // of the label
	TX, TY  int    // where it arrives
	Whole   string // what a pointer shows: from, on, to
	StepNew snapshot.Action
}

// draw lays the steps of a flow out in rows. Ways to any row but the next run
// beside the boxes.
func draw(f snapshot.Flow) picture {
	rows := rowsOf(f.Steps)
	widest := 0
	for _, r := range rows {
		widest = max(widest, len(r))
	}
	p := picture{Width: 2*margin + widest*boxWidth + max(0, widest-1)*gapX, Height: 2*margin + len(rows)*boxHeight + max(0, len(rows)-1)*gapY}
	at := map[string]box{}
	row := map[string]int{}
	for y, r := range rows {
		left := (p.Width - len(r)*boxWidth - (len(r)-1)*gapX) / 2
		for x, s := range r {
			b := box{s, left + x*(boxWidth+gapX), margin + y*(boxHeight+gapY)}
			at[s.Key], row[s.Key] = b, y
			p.Boxes = append(p.Boxes, b)
		}
	}
	arrived := map[string]int{}
	right := p.Width
	for _, b := range p.Boxes {
		for i, way := range b.Ways {
			to, ok := at[way.To]
			if !ok {
				continue
			}
			l := line{Way: way, Whole: cmp.Or(b.Name, b.Key) + " → " + cmp.Or(to.Name, to.Key), StepNew: way.Action}
			if b.Action == snapshot.Created || b.Action == snapshot.Removed {
				l.StepNew = b.Action
			}
			if row[way.To] == row[b.Key]+1 {
				l.down(b, to, i, len(b.Ways), arrived[way.To])
				arrived[way.To]++
			} else {
				right += laneGap
				l.beside(b, to, right-margin, i, len(b.Ways), arrived[way.To])
				arrived[way.To]++
			}
			p.Lines = append(p.Lines, l)
		}
	}
	p.Width = right
	return p
}

// down leads a line from the lower edge of a box to the upper edge of another in
// the next row.
func (l *line) down(from, to box, i, n, arrived int) {
	x := from.X + boxWidth*(i+1)/(n+1)
	y := from.Y + boxHeight
	l.TX, l.TY = to.X+boxWidth/2+(arrived%5)*8, to.Y
	half := (l.TY - y) / 2
	l.Path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, y, x, y+half, l.TX, l.TY-half, l.TX, l.TY-6)
	l.X, l.Y = x+4, y+14+13*(i%2)
}

// beside leads a line through the gap below its box, along a lane beside all
// boxes, and through the gap above the box where it arrives. So it crosses none.
func (l *line) beside(from, to box, lane, i, n, arrived int) {
	x, y := from.X+boxWidth*(i+1)/(n+1), from.Y+boxHeight
	l.TX, l.TY = to.X+boxWidth/2+(arrived%5)*8, to.Y
	below, above := y+32+(arrived%3)*6, to.Y-16-(i%3)*6
	l.Path = fmt.Sprintf("M%d %dV%dH%dV%dH%dV%d", x, y, below, lane, above, l.TX, l.TY-6)
	l.X, l.Y = x+4, y+14+13*(i%2)
}

// rowsOf puts each step into the row below the lowest that leads to it. Ways that
// lead back, to a step from which they come, do not count.
func rowsOf(steps []snapshot.Step) [][]snapshot.Step {
	o := order{by: map[string]snapshot.Step{}, state: map[string]int{}, row: map[string]int{}}
	for _, s := range steps {
		o.by[s.Key] = s
	}
	for _, s := range steps {
		o.visit(s.Key)
	}
	slices.Reverse(o.done) // now each step stands before those that it leads to
	var rows [][]snapshot.Step
	for _, key := range o.done {
		row := o.row[key]
		for _, way := range o.by[key].Ways {
			if !o.back[[2]string{key, way.To}] {
				o.row[way.To] = max(o.row[way.To], row+1)
			}
		}
		for len(rows) <= row {
			rows = append(rows, nil)
		}
		rows[row] = append(rows[row], o.by[key])
	}
	return wrapped(slices.DeleteFunc(rows, func(r []snapshot.Step) bool { return len(r) == 0 }))
}

// An order is a walk through the steps, in depth.
type order struct {
	by    map[string]snapshot.Step
	state map[string]int // 1 is being visited, 2 was
	done  []string       // in the order in which they were left
	back  map[[2]string]bool
	row   map[string]int
}

func (o *order) visit(key string) {
	s, ok := o.by[key]
	if !ok || o.state[key] != 0 {
		return
	}
	o.state[key] = 1
	for _, way := range slices.Backward(s.Ways) { // so that the first way stands first
		if o.state[way.To] == 1 {
			if o.back == nil {
				o.back = map[[2]string]bool{}
			}
			o.back[[2]string{key, way.To}] = true
		}
		o.visit(way.To)
	}
	o.state[key] = 2
	o.done = append(o.done, key)
}

// mostInRow is how many boxes stand beside each other; more go into rows below.
const mostInRow = 5

func wrapped(rows [][]snapshot.Step) [][]snapshot.Step {
	var out [][]snapshot.Step
	for _, r := range rows {
		out = append(out, slices.Collect(slices.Chunk(r, mostInRow))...)
	}
	return out
}

// clip shortens a text to a number of characters, for a box.
func clip(most int, text string) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
