package sfu

import "khamxa/media"

// Flood emits n events, for the test of a slow reader.
func Flood(n *Node, count int) {
	for range count {
		n.events.emit(media.Event{Kind: media.EventState})
	}
}
