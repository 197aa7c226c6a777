package main

import (
	"cmp"
	"runtime/debug"
	"strings"

	"user-sync-service/internal/adapters/telemetry"
	"user-sync-service/internal/domain"
)

// revision is the commit where a build says so with -ldflags "-X main.revision=...", as
// the Dockerfile does: what is built outside of a repository does not know it otherwise.
var revision string

// version returns the module's version and the commit it was built from, as far as the
// build knows them.
func version() string {
	version, commit := versionAndRevision()
	return strings.TrimSpace(version + " " + commit)
}

func versionAndRevision() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", revision
	}
	commit = revision
	for _, setting := range info.Settings {
		if commit == "" && setting.Key == "vcs.revision" {
			commit = setting.Value
		}
	}
	return cmp.Or(info.Main.Version, "(devel)"), commit
}

// buildOf is what the metrics say of the running program.
func buildOf(roles domain.RoleMap) telemetry.Build {
	version, revision := versionAndRevision()
	return telemetry.Build{Version: version, Revision: revision, RoleMap: roles.Fingerprint()}
}
