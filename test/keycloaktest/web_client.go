package keycloaktest

// WebClientID names the public client that AddWebClient makes.
const WebClientID = "web-check"

// AddWebClient gives a realm's representation a public client at which users sign in by Keycloak's pages (see
// Visit). Its access tokens carry fineract_user_id and office_id. For RealmOptions.Mutate.
func AddWebClient(rep map[string]any) {
	mappers := []any{AudienceMapper(ServiceClientID)}
	for _, name := range []string{"fineract_user_id", "office_id"} {
		mappers = append(mappers, map[string]any{
			"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
			"config": map[string]string{
				"user.attribute": name, "claim.name": name, "jsonType.label": "String", "access.token.claim": "true",
			},
		})
	}
	rep["clients"] = append(rep["clients"].([]any), map[string]any{
		"clientId": WebClientID, "enabled": true, "publicClient": true,
		"standardFlowEnabled": true, "directAccessGrantsEnabled": true,
		"redirectUris": []string{callback}, "protocolMappers": mappers,
	})
}
