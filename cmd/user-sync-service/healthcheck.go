package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// healthcheckTimeout bounds the question to the running service.
const healthcheckTimeout = 3 * time.Second

// healthcheck asks the service of this machine's environment for /livez. It is for a
// container that has no other program in it.
func healthcheck(ctx context.Context) error {
	config, _ := readEnvironment() // Only the address counts here, and it has a default.
	host, port := config.ListenHost, strconv.Itoa(int(config.Port))
	if config.ManagementAddr != "" {
		// What cannot be split, cannot be listened on either.
		host, port, _ = net.SplitHostPort(config.ManagementAddr)
	}
	url := "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port) + "/livez"
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	// A proxy of the environment has no business between a container and itself.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
