package keycloak_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// stubRights are the roles of the stub's clients, and which roles bring others along.
// A role of a client is written "client:role".
type stubRights struct {
	clients  map[string]string   // name to id
	contains map[string][]string // what a composite role contains directly
	carries  map[string][]string // what a group carries itself, by path

	// viewClients is the right that the service account lacks: without it the parts of a
	// client's role are refused. blind is how Keycloak 26.7 goes on then: roles of clients
	// are left out or refused everywhere but in the answer for one group.
	viewClients, blind bool

	defaultGroups []string // their paths; the default role is "everybody"
}

func newStubRights() stubRights {
	return stubRights{
		clients:       map[string]string{"realm-management": "client-1", "master-realm": "client-2", "ledger": "client-3"},
		contains:      map[string][]string{"chief": {"auditor"}, "everybody": {"offline_access"}, "operator": {"realm-management:manage-users"}},
		defaultGroups: []string{"tellers"},
		carries:       map[string][]string{"head": {"auditor", "ledger:read"}},
	}
}

// contain makes a realm role that contains others.
func (s *stub) contain(role string, parts ...string) {
	if s.roles[role] == "" {
		s.roles[role] = fmt.Sprintf("role-%d", len(s.roles)+1)
	}
	s.rights.contains[role] = parts
}

// carry makes a group that carries roles.
func (s *stub) carry(group string, roles ...string) {
	s.groups[group] = true
	s.rights.carries[group] = roles
}

func serviceAccount() *stubUser {
	return &stubUser{
		ID: "service-account", Username: "service-account-" + stubClient, Enabled: true, RequiredActions: []string{},
		roles: []string{"realm-management:manage-users", "realm-management:view-realm"},
	}
}

func (s *stub) rightsRoutes(admin string) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /realms/{realm}/protocol/openid-connect/token/introspect":          s.introspect,
		"GET " + admin + "/users/{id}/groups":                                    s.userGroups,
		"GET " + admin + "/users/{id}/role-mappings":                             s.userMappings,
		"GET " + admin + "/users/{id}/role-mappings/realm":                       s.userRoles,
		"GET " + admin + "/users/{id}/role-mappings/realm/composite":             s.userRealmRights,
		"GET " + admin + "/users/{id}/role-mappings/clients/{client}/composite":  s.userClientRights,
		"GET " + admin + "/roles-by-id/{id}/composites":                          s.roleParts,
		"GET " + admin + "/default-groups":                                       s.defaultGroups,
		"GET " + admin + "/groups/{id}":                                          s.groupByID,
		"GET " + admin + "/groups/{id}/role-mappings":                            s.groupMappings,
		"GET " + admin + "/groups/{id}/role-mappings/realm/composite":            s.groupRealmRights,
		"GET " + admin + "/groups/{id}/role-mappings/clients/{client}/composite": s.groupClientRights,
	}
}

// The routes of the rights, as tests name them.
const (
	introspectRoute   = "POST token/introspect"
	ownRoute          = "GET users/{id}/role-mappings"
	userRealmRoute    = "GET users/{id}/role-mappings/realm/composite"
	userClientRoute   = "GET users/{id}/role-mappings/clients/{client}/composite"
	partsRoute        = "GET roles-by-id/{id}/composites"
	groupRoute        = "GET group-by-path/{path...}"
	groupByIDRoute    = "GET groups/{id}"
	defaultsRoute     = "GET default-groups"
	groupRolesRoute   = "GET groups/{id}/role-mappings"
	groupRealmRoute   = "GET groups/{id}/role-mappings/realm/composite"
	groupClientRoute  = "GET groups/{id}/role-mappings/clients/{client}/composite"
	hiddenAnswer      = `{"error":"HTTP 403 Forbidden"}`
	otherClientAnswer = `{"error":"Client not found"}`
)

// ofClient splits "client:role"; client is empty for a realm role.
func ofClient(role string) (client, name string) {
	client, name, ok := strings.Cut(role, ":")
	if !ok {
		return "", role
	}
	return client, name
}

// whole is a role as the admin API shows it.
func (s *stub) whole(role string) map[string]any {
	client, name := ofClient(role)
	shown := map[string]any{"id": s.roles[name], "name": name, "composite": len(s.rights.contains[role]) > 0, "clientRole": false, "containerId": s.name}
	if client != "" {
		shown["id"], shown["clientRole"], shown["containerId"] = "id-of-"+role, true, s.rights.clients[client]
	}
	return shown
}

// wholes are those of the roles that belong to the client, realm roles for none.
func (s *stub) wholes(roles []string, client string) []map[string]any {
	shown := []map[string]any{}
	for _, role := range roles {
		if owner, _ := ofClient(role); owner == client {
			shown = append(shown, s.whole(role))
		}
	}
	return shown
}

// inTheEnd returns the roles with all that they contain.
func (s *stub) inTheEnd(roles []string) []string {
	all := []string{}
	for open := slices.Clone(roles); len(open) > 0; open = open[1:] {
		if !slices.Contains(all, open[0]) {
			all = append(all, open[0])
			open = append(open, s.rights.contains[open[0]]...)
		}
	}
	return all
}

// carriedInTheEnd returns what the group and its parents carry.
func (s *stub) carriedInTheEnd(group string) []string {
	var roles []string
	for ; group != "."; group = path.Dir(group) {
		roles = append(roles, s.rights.carries[group]...)
	}
	return s.inTheEnd(roles)
}

func (s *stub) heldInTheEnd(user *stubUser) []string {
	roles := s.inTheEnd(user.roles)
	for _, group := range user.groups {
		roles = append(roles, s.carriedInTheEnd(group)...)
	}
	return s.inTheEnd(roles)
}

// mappings are the roles given directly to a user or a group.
func (s *stub) mappings(roles []string) map[string]any {
	shown := map[string]any{}
	if ofRealm := s.wholes(roles, ""); len(ofRealm) > 0 {
		shown["realmMappings"] = ofRealm
	}
	if s.rights.blind {
		return shown
	}
	ofClients := map[string]any{}
	for client, id := range s.rights.clients {
		if mapped := s.wholes(roles, client); len(mapped) > 0 {
			ofClients[client] = map[string]any{"id": id, "client": client, "mappings": mapped}
		}
	}
	if len(ofClients) > 0 {
		shown["clientMappings"] = ofClients
	}
	return shown
}

// carriedByClient are the names of the clients' roles that the group carries itself.
func (s *stub) carriedByClient(group string) map[string][]string {
	names := map[string][]string{}
	for _, role := range s.rights.carries[group] {
		if client, name := ofClient(role); client != "" {
			names[client] = append(names[client], name)
		}
	}
	return names
}

// groupOf is a group as the admin API shows it. Its id is a hexadecimal number for
// Keycloak and something with no slash here.
func (s *stub) groupOf(group string) map[string]any {
	id := func(group string) string { return "group-" + strings.ReplaceAll(group, "/", "-in-") + s.remade }
	shown := map[string]any{"id": id(group), "name": path.Base(group), "path": "/" + group}
	if parent := path.Dir(group); parent != "." {
		shown["parentId"] = id(parent)
	}
	return shown
}

// answerGroup answers with the group, and the roles of clients that it carries itself.
func (s *stub) answerGroup(w http.ResponseWriter, group string) {
	shown := s.groupOf(group)
	shown["clientRoles"] = s.carriedByClient(group)
	answerJSON(w, shown)
}

func (s *stub) groupByID(w http.ResponseWriter, r *http.Request) {
	if group, ok := s.groupPath(w, r); ok {
		s.answerGroup(w, group)
	}
}

func (s *stub) defaultGroups(w http.ResponseWriter, _ *http.Request) {
	shown := []map[string]any{}
	for _, group := range s.rights.defaultGroups {
		shown = append(shown, s.groupOf(group))
	}
	answerJSON(w, shown)
}

func (s *stub) userRoles(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		answerJSON(w, s.wholes(user.roles, ""))
	}
}

func (s *stub) userGroups(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	shown := []map[string]any{}
	for _, group := range user.groups {
		shown = append(shown, s.groupOf(group))
	}
	if r.URL.Query().Has("max") || r.URL.Query().Has("first") {
		shown = shown[:min(len(shown), 1)]
	}
	answerJSON(w, shown)
}

func (s *stub) userMappings(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		answerJSON(w, s.mappings(user.roles))
	}
}

func (s *stub) userRealmRights(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		answerJSON(w, s.wholes(s.heldInTheEnd(user), ""))
	}
}

func (s *stub) userClientRights(w http.ResponseWriter, r *http.Request) {
	if user, ok := s.user(w, r); ok {
		s.clientRights(w, r, s.heldInTheEnd(user))
	}
}

// clientRights answers which of the roles belong to the client of the path.
func (s *stub) clientRights(w http.ResponseWriter, r *http.Request, roles []string) {
	for client, id := range s.rights.clients {
		switch {
		case id != r.PathValue("client"):
		case s.rights.blind:
			answer(w, http.StatusForbidden, hiddenAnswer)
			return
		default:
			answerJSON(w, s.wholes(roles, client))
			return
		}
	}
	answer(w, http.StatusNotFound, otherClientAnswer)
}

func (s *stub) roleParts(w http.ResponseWriter, r *http.Request) {
	role, isOfClient := strings.CutPrefix(r.PathValue("id"), "id-of-")
	for name, id := range s.roles {
		if id == r.PathValue("id") {
			role = name
		}
	}
	switch {
	case isOfClient && !s.rights.viewClients:
		answer(w, http.StatusForbidden, hiddenAnswer)
	case !isOfClient && s.roles[role] == "":
		answer(w, http.StatusNotFound, `{"error":"Could not find role with id"}`)
	case s.rights.blind:
		answerJSON(w, s.wholes(s.rights.contains[role], ""))
	default:
		shown := []map[string]any{}
		for _, part := range s.rights.contains[role] {
			shown = append(shown, s.whole(part))
		}
		answerJSON(w, shown)
	}
}

// groupPath returns the path of the group of the request, or answers that there is none.
func (s *stub) groupPath(w http.ResponseWriter, r *http.Request) (string, bool) {
	for group := range s.groups {
		if s.groupOf(group)["id"] == r.PathValue("id") {
			return group, true
		}
	}
	answer(w, http.StatusNotFound, `{"error":"Could not find group by id"}`)
	return "", false
}

func (s *stub) groupMappings(w http.ResponseWriter, r *http.Request) {
	if group, ok := s.groupPath(w, r); ok {
		answerJSON(w, s.mappings(s.rights.carries[group]))
	}
}

func (s *stub) groupRealmRights(w http.ResponseWriter, r *http.Request) {
	if group, ok := s.groupPath(w, r); ok {
		answerJSON(w, s.wholes(s.carriedInTheEnd(group), ""))
	}
}

func (s *stub) groupClientRights(w http.ResponseWriter, r *http.Request) {
	if group, ok := s.groupPath(w, r); ok {
		s.clientRights(w, r, s.carriedInTheEnd(group))
	}
}

// introspect answers about a caller's token in all of Keycloak's words.
func (s *stub) introspect(w http.ResponseWriter, r *http.Request) {
	if !s.authenticate(w, r) {
		return
	}
	if !s.active[r.PostFormValue("token")] {
		answer(w, http.StatusOK, `{"active":false}`)
		return
	}
	if r.PostFormValue("token_type_hint") == "requesting_party_token" { // Then Keycloak does not say whose it is.
		answer(w, http.StatusOK, `{"exp":1795520885,"iat":1795520585,"jti":"onrtro:3f4a3124","aud":["user-sync-service","account"],"typ":"Bearer","acr":"1","active":true}`)
		return
	}
	answer(w, http.StatusOK, `{"exp":1795520885,"iat":1795520585,"jti":"onrtro:3f4a3124","aud":["user-sync-service","account"],"sub":"4711","typ":"Bearer","acr":"1",
		"realm_access":{"roles":["admin","offline_access"]},"resource_access":{"web":{"roles":["writer","x"]},"account":{"roles":["view-profile"]}},
		"scope":"email profile","preferred_username":"asha","email":"asha@bank.example","client_id":"web","username":"asha","token_type":"Bearer","active":true}`)
}
