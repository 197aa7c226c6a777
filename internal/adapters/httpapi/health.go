package httpapi

import (
	"errors"
	"net/http"

	"user-sync-service/internal/domain"
)

// serviceName is what the web app and the alerts know the service by.
const serviceName = "fineract-keycloak-sync"

// healthBody is the JSON of /health.
type healthBody struct {
	Status    string `json:"status"`
	Error     string `json:"error,omitempty"`
	Service   string `json:"service"`
	Connected bool   `json:"keycloak_connected"`
	Realm     string `json:"realm"`
}

// health handles "GET /health": whether the identity provider was usable at the last
// background check.
func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	body := healthBody{Status: "healthy", Service: serviceName, Connected: true, Realm: a.Realm}
	status := http.StatusOK
	if err := a.Health(); err != nil {
		status, body.Status, body.Connected = http.StatusServiceUnavailable, "unhealthy", false
		body.Error = "Failed to connect to Keycloak: " + healthCause(err)
	}
	writeJSON(w, status, body)
}

// healthCause says in our words why the provider is not usable.
func healthCause(err error) string {
	if fault, ok := errors.AsType[domain.SetupFault](err); ok {
		return fault.Error()
	}
	switch domain.AsError(err).Kind {
	case domain.Unavailable:
		return "it cannot be reached"
	case domain.Timeout:
		return "it did not answer in time"
	case domain.Overloaded:
		return "too many calls to it are under way"
	case domain.BadAnswer:
		return "it gave an invalid answer"
	default:
		return "it refuses the service's credentials or rights"
	}
}

// livez handles "GET /livez": the process answers.
func (a *api) livez(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz handles "GET /readyz". The identity provider has no say in it: its outage must
// not take healthy instances out of service.
func (a *api) readyz(w http.ResponseWriter, _ *http.Request) {
	if !a.Ready() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "draining"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}
