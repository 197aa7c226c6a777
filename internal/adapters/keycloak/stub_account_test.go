package keycloak_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The routes of what an account has, as tests name them.
const (
	getUserRoute     = "GET users/{id}"
	putUserRoute     = "PUT users/{id}"
	actionsRoute     = "GET authentication/required-actions"
	lockRoute        = "GET attack-detection/brute-force/users/{id}"
	credentialsRoute = "GET users/{id}/credentials"
	rolesRoute       = "GET users/{id}/role-mappings/realm"
	groupsRoute      = "GET users/{id}/groups"
	takeRoleRoute    = "DELETE users/{id}/role-mappings/realm"
	leaveRoute       = "DELETE users/{id}/groups/{group}"
)

func (s *stub) accountRoutes(admin string) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET " + admin + "/authentication/required-actions":         s.requiredActions,
		"GET " + admin + "/attack-detection/brute-force/users/{id}": s.lockStatus,
		"GET " + admin + "/users/profile":                           s.userProfile,
		"GET " + admin + "/users/{id}":                              s.get,
		"PUT " + admin + "/users/{id}":                              s.update,
		"GET " + admin + "/users/{id}/credentials":                  s.credentials,
		"DELETE " + admin + "/users/{id}/role-mappings/realm":       s.take,
		"DELETE " + admin + "/users/{id}/groups/{group}":            s.leave,
	}
}

// stubAction is a required action that Keycloak has a program for.
type stubAction struct {
	Alias         string `json:"alias"`
	Enabled       bool   `json:"enabled"`
	DefaultAction bool   `json:"defaultAction"`

	unregistered bool // not in the realm's list
}

func stubActions() []stubAction {
	return []stubAction{
		{Alias: "CONFIGURE_TOTP", Enabled: true}, {Alias: "TERMS_AND_CONDITIONS"}, {Alias: "UPDATE_PASSWORD", Enabled: true},
		{Alias: "VERIFY_EMAIL", Enabled: true}, {Alias: "webauthn-register", Enabled: true},
	}
}

// action lets f change the action.
func (s *stub) action(alias string, f func(*stubAction)) {
	s.change(func() {
		for i := range s.actions {
			if s.actions[i].Alias == alias {
				f(&s.actions[i])
			}
		}
	})
}

func (s *stub) requiredActions(w http.ResponseWriter, _ *http.Request) {
	shown := slices.DeleteFunc(slices.Clone(s.actions), func(a stubAction) bool { return a.unregistered })
	answerJSON(w, shown)
}

// actionsOfNew are the actions of a new user: those of the realm, and those sent that
// there is a program for, also if they are switched off or not registered.
func (s *stub) actionsOfNew(sent []string) []string {
	actions := []string{}
	for _, action := range s.actions {
		if slices.Contains(sent, action.Alias) || action.DefaultAction && action.Enabled && !action.unregistered {
			actions = append(actions, action.Alias)
		}
	}
	return actions
}

func (s *stub) lockStatus(w http.ResponseWriter, r *http.Request) {
	user := s.users[r.PathValue("id")]
	if user == nil {
		user = &stubUser{} // Keycloak answers so about users whom it does not have.
	}
	answerJSON(w, map[string]any{"failedLoginNotBefore": user.lockedUntil, "numFailures": 0, "disabled": user.locked, "lastIPFailure": "n/a", "lastFailure": 0})
}

func (s *stub) credentials(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	shown := []map[string]any{}
	if user.password != "" {
		shown = append(shown, map[string]any{"id": "1", "type": "password", "createdDate": 1795533478450, "credentialData": "{}"})
	}
	for _, kind := range user.factors {
		shown = append(shown, map[string]any{"id": "2", "type": kind, "userLabel": "present's"})
	}
	answerJSON(w, shown)
}

func (s *stub) userProfile(w http.ResponseWriter, _ *http.Request) {
	var profile map[string]any
	_ = json.Unmarshal([]byte(s.profile), &profile)
	attributes, _ := profile["attributes"].([]any)
	for _, field := range []string{"email", "firstName", "lastName"} {
		if field != s.undeclared {
			both := []string{"admin", "user"}
			attributes = append(attributes, map[string]any{"name": field, "permissions": map[string]any{"view": both, "edit": both}})
		}
	}
	profile["attributes"] = attributes
	answerJSON(w, profile)
}

// attributeRights says what an administrator may do with an attribute.
func (s *stub) attributeRights(name string) (see, write, declared bool) {
	var profile struct {
		Attributes []struct {
			Name        string
			Permissions struct{ View, Edit []string }
		}
		UnmanagedAttributePolicy string
	}
	_ = json.Unmarshal([]byte(s.profile), &profile)
	for _, a := range profile.Attributes {
		if a.Name == name {
			write = slices.Contains(a.Permissions.Edit, "admin")
			return write || slices.Contains(a.Permissions.View, "admin"), write, true
		}
	}
	policy := profile.UnmanagedAttributePolicy
	write = policy == "ENABLED" || policy == "ADMIN_EDIT"
	return write || policy == "ADMIN_VIEW", write, false
}

// storedBy are the attributes of a creation that are stored; the others are dropped
// without a word.
func (s *stub) storedBy(sent map[string][]string) map[string][]string {
	stored := map[string][]string{}
	for name, values := range sent {
		if _, write, _ := s.attributeRights(name); write && !s.forgets && len(values) > 0 {
			stored[name] = values
		}
	}
	return stored
}

// get shows the user with those attributes that an administrator may see.
func (s *stub) get(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	shown := *s.shown(user)
	shown.Attributes = maps.Clone(user.Attributes)
	maps.DeleteFunc(shown.Attributes, func(name string, _ []string) bool {
		see, _, _ := s.attributeRights(name)
		return !see
	})
	if s.undeclared == "lastName" {
		shown.LastName = ""
	}
	shown.Enabled = user.Enabled && (!user.locked || !s.oldLocks)
	answerJSON(w, shown)
}

// userChange is the body of an update.
type userChange struct {
	Username        *string
	Email           *string
	FirstName       *string
	LastName        *string
	Enabled         *bool
	EmailVerified   *bool
	RequiredActions *[]string
	Attributes      *map[string][]string
}

func (s *stub) update(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var in userChange
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, `{"error":"unable to read contents from stream"}`)
		return
	}
	changed := *user
	looked := user.Attributes // what the profile's rules are held against
	if in.Attributes != nil {
		looked = *in.Attributes
		// These are attributes, too: with some that are sent, those that are not are wiped.
		changed.Email, changed.FirstName, changed.LastName = "", "", ""
		var refused string
		if changed.Attributes, refused = s.replaced(user.Attributes, *in.Attributes); refused != "" {
			answer(w, http.StatusBadRequest, `{"field":"`+refused+`","errorMessage":"error-user-attribute-read-only","params":["`+refused+`"]}`)
			return
		}
	}
	set(&changed.Email, in.Email)
	set(&changed.FirstName, in.FirstName)
	set(&changed.LastName, in.LastName)
	set(&changed.Enabled, in.Enabled)
	set(&changed.EmailVerified, in.EmailVerified)
	set(&changed.RequiredActions, in.RequiredActions)
	changed.Email = strings.ToLower(changed.Email)
	for _, other := range s.users {
		if other.ID != user.ID && changed.Email != "" && (other.Email == changed.Email || other.Username == changed.Email) {
			answer(w, http.StatusConflict, `{"errorMessage":"User exists with same email"}`)
			return
		}
	}
	if strings.Contains(changed.FirstName, "<") {
		answer(w, http.StatusBadRequest, `{"field":"firstName","errorMessage":"error-person-name-invalid-character","params":["firstName"]}`)
		return
	}
	if refusesAttributes(w, changed.Attributes) || s.refusesTwice(w, looked) {
		return
	}
	changed.locked = user.locked && (in.Enabled == nil || !*in.Enabled)
	*user = *s.shown(&changed)
	w.WriteHeader(http.StatusNoContent)
}

func set[V any](field *V, value *V) {
	if value != nil {
		*field = *value
	}
}

// replaced are the attributes after an update: those sent, and those that an
// administrator may not write. One of these that is declared must not be changed.
func (s *stub) replaced(present, sent map[string][]string) (after map[string][]string, refused string) {
	after = s.storedBy(sent)
	for name, values := range present {
		// The same single value is taken for no change.
		same := slices.Equal(slices.Compact(slices.Clone(values)), after[name])
		if _, write, _ := s.attributeRights(name); !write || same {
			after[name] = values
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		_, write, declared := s.attributeRights(name)
		if declared && !write && !slices.Equal(sent[name], present[name]) {
			refused = cmp.Or(refused, name)
		}
	}
	return after, refused
}

func (s *stub) take(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	var roles []struct{ ID, Name string }
	_ = json.NewDecoder(r.Body).Decode(&roles)
	for _, role := range roles {
		if id, ok := s.roles[role.Name]; !ok || id != role.ID {
			answer(w, http.StatusNotFound, `{"error":"Role not found"}`)
			return
		}
		user.roles = slices.DeleteFunc(user.roles, func(held string) bool { return held == role.Name })
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *stub) leave(w http.ResponseWriter, r *http.Request) {
	user, ok := s.user(w, r)
	if !ok {
		return
	}
	for group := range s.groups {
		if s.groupOf(group)["id"] == r.PathValue("group") {
			user.groups = slices.DeleteFunc(user.groups, func(joined string) bool { return joined == group })
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	answer(w, http.StatusNotFound, `{"error":"Group not found"}`)
}

// refusesAttributes answers as a realm does whose user profile wants Fineract's id to be
// a number, if it is none.
func refusesAttributes(w http.ResponseWriter, attributes map[string][]string) bool {
	for _, id := range attributes["fineract_user_id"] {
		if strings.Trim(id, "0123456789") != "" {
			answer(w, http.StatusBadRequest, `{"field":"fineract_user_id","errorMessage":"wrong format","params":["fineract_user_id","^[0-9]{1,19}$"]}`)
			return true
		}
	}
	return false
}

// refusesTwice answers as a realm does in which only languages may be several, if anything
// else is, or if the badge is not there that this realm asks for.
func (s *stub) refusesTwice(w http.ResponseWriter, attributes map[string][]string) bool {
	for name, values := range attributes {
		if name != "languages" && len(values) > 1 {
			answer(w, http.StatusBadRequest, `{"field":"`+name+`","errorMessage":"error-invalid-multivalued-size","params":["`+name+`",0,1]}`)
			return true
		}
	}
	if s.wantsBadge && len(attributes["badge"]) == 0 {
		answer(w, http.StatusBadRequest, `{"field":"badge","errorMessage":"error-user-attribute-required","params":["badge"]}`)
		return true
	}
	return false
}
