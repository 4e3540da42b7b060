package snapshot

// guess takes the document that is likely to stand here, if it does: one that is as
// long as that and has its digest is that one, wherever anything else would end.
func (d *decoder) guess(path string) (doc summed, is bool) {
	digest, there := d.likely[path]
	if !there {
		return summed{}, false
	}
	was, known := d.cache.knows(digest)
	if c, err := d.next(); err != nil || c != '{' || !known {
		return summed{}, false // what is wrong is told by value
	}
	text, whole := d.ahead(was.size)
	if !whole || text[was.size-1] != '}' || Sum(text) != digest {
		return summed{}, false
	}
	d.at += was.size
	return summed{text, digest, was.plain}, true
}

// ahead returns the next bytes, if there are as many.
func (s *splitter) ahead(n int) ([]byte, bool) {
	for len(s.buf)-s.at < n {
		if s.more() != nil {
			return nil, false
		}
	}
	return s.buf[s.at : s.at+n : s.at+n], true
}
