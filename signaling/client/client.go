// Package client holds the page's half of the signalling protocol: the TypeScript sources, embedded.
//
// A page imports `Call` from "/signaling/call.ts"; the protocol is signaling/PROTOCOL.md. This package has no logic of its own:
// internal/page bundles the sources, and the tests here run their pure parts in a Go engine. Only cmd/khamxa hands Files
// to the page shell, under the name "signaling".
package client

import "embed"

// Files holds ts/*.ts, without the tests.
//
//go:embed ts/call.ts ts/socket.ts ts/session.ts ts/wire.ts ts/media.ts ts/stats.ts
var Files embed.FS
