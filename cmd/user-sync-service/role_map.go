package main

import (
	"errors"
	"io"
	"strings"

	"user-sync-service/internal/adapters/rolemap"
	"user-sync-service/internal/domain"
)

// readRoleMap reads the role map in the file, or the built-in one where no file is named. It
// returns a configError with every fault of the file.
func readRoleMap(path string) (domain.RoleMap, []byte, error) {
	if path == "" {
		return rolemap.Default(), rolemap.BuiltIn(), nil
	}
	roles, text, err := rolemap.Read(path)
	if err == nil {
		return roles, text, nil
	}
	faults, ok := errors.AsType[rolemap.Faults](err)
	if !ok {
		return domain.RoleMap{}, nil, configError{"ROLE_MAP_FILE: " + err.Error()}
	}
	var told configError
	for _, fault := range faults {
		told = append(told, "ROLE_MAP_FILE: "+path+", "+fault.String())
	}
	return domain.RoleMap{}, nil, told
}

// printRoleMap prints the role map in force, with the comments of its file. Nothing else of
// the configuration counts.
func printRoleMap(stdout io.Writer) error {
	config, faults := readEnvironment()
	for _, fault := range faults {
		if strings.Contains(fault, "ROLE_MAP_FILE") {
			return configError{fault}
		}
	}
	_, text, err := readRoleMap(config.RoleMapFile)
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
}
