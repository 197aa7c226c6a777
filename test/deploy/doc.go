// Package deploy checks the folder deploy/: the manifests, the compose file with its realm,
// the dashboard and the alerts, each by the types and parsers of those who will read it, and
// all of them against the program. It has a module of its own, because those libraries are
// many and the service needs none of them.
//
// The go command does not notice when a file outside of this module changes, so run it as
//
//	go test -count=1 ./...
package deploy
