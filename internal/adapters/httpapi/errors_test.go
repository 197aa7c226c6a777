package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// A kind that somebody adds and forgets here would reach the web app as a bare 500. So
// the kinds are read from the source, not listed once more.

// kindsIn returns the values of all constants of the type Kind in a source file.
func kindsIn(t *testing.T, file string) []domain.Kind {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var kinds []domain.Kind
	ast.Inspect(source, func(node ast.Node) bool {
		constant, ok := node.(*ast.ValueSpec)
		if !ok || !isKind(constant.Type) {
			return true
		}
		for _, value := range constant.Values {
			literal, ok := value.(*ast.BasicLit)
			require.True(t, ok, "%s is no literal", constant.Names[0].Name)
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			kinds = append(kinds, domain.Kind(text))
		}
		return true
	})
	require.NotEmpty(t, kinds, "%s defines no kinds", file)
	return kinds
}

// isKind reports whether a type is written Kind or domain.Kind.
func isKind(expression ast.Expr) bool {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name == "Kind"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Kind"
	}
	return false
}

func allKinds(t *testing.T) []domain.Kind {
	t.Helper()
	return append(kindsIn(t, "../../domain/errors.go"), kindsIn(t, "errors.go")...)
}

// answerTo is what a client gets when a request fails with err.
func answerTo(t *testing.T, err error) (*httptest.ResponseRecorder, errorBody) {
	t.Helper()
	recorder := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), requestKey{}, &request{id: "r1"}), http.MethodGet, "/", http.NoBody)
	writeError(recorder, r, err)
	var body errorBody
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &body))
	return recorder, body
}

func TestErrorTable_HaveARowForEveryKindAndNoOther(t *testing.T) {
	var rows []domain.Kind
	for kind := range errorTable() {
		rows = append(rows, kind)
	}
	assert.ElementsMatch(t, allKinds(t), rows)
}

// The web app shows the message in a small toast over its own buttons.
func TestErrorTable_AreShortSentencesForAPerson(t *testing.T) {
	for kind, row := range errorTable() {
		assert.Regexp(t, `^[a-z_]+$`, kind.Error())
		assert.GreaterOrEqual(t, row.status, 400, kind)
		assert.Less(t, row.status, 600, kind)
		assert.NotEmpty(t, strings.TrimSpace(row.message), kind)
		assert.LessOrEqual(t, utf8.RuneCountInString(row.message), 90, kind)
		assert.NotContains(t, row.message, "\n", kind)
	}
}

func TestWriteError_AnswersEveryKindAsItsRowSays(t *testing.T) {
	for _, kind := range allKinds(t) {
		for name, err := range map[string]error{
			"bare":          kind,
			"error":         &domain.Error{Kind: kind, Err: errors.New("a cause")},
			"wrapped":       fmt.Errorf("read the user: %w", &domain.Error{Kind: kind}),
			"bare, wrapped": fmt.Errorf("read the user: %w", kind),
		} {
			recorder, body := answerTo(t, err)
			row := errorTable()[kind]
			assert.Equal(t, row.status, recorder.Code, "%s %s", kind, name)
			assert.Equal(t, errorBody{Status: "error", Code: kind.Error(), Message: row.message, RequestID: "r1"}, body, name)
			assert.Equal(t, "application/json", recorder.Header().Get("Content-Type"))
		}
	}
}

func TestWriteError_SaysWhenToTryAgainAfterEvery503And504(t *testing.T) {
	late := 0
	for _, kind := range allKinds(t) {
		recorder, _ := answerTo(t, kind)
		if recorder.Code != http.StatusServiceUnavailable && recorder.Code != http.StatusGatewayTimeout {
			assert.Empty(t, recorder.Header().Get("Retry-After"), kind)
			continue
		}
		late++
		seconds, err := strconv.Atoi(recorder.Header().Get("Retry-After"))
		require.NoError(t, err, kind)
		assert.Positive(t, seconds, kind)
	}
	assert.Equal(t, 5, late, "how many kinds are answered with 503 or 504")
}

func TestWriteError_PrefersTheErrorsOwnMessage(t *testing.T) {
	recorder, body := answerTo(t, &domain.Error{Kind: domain.Partial, Message: "The user has no role."})
	assert.Equal(t, http.StatusBadGateway, recorder.Code)
	assert.Equal(t, "The user has no role.", body.Message)
}

func TestWriteError_MakesTheSentenceAboutFields(t *testing.T) {
	for message, fields := range map[string]map[string]string{
		"The field 'email' must be an e-mail address.": {"email": "must be an e-mail address", "username": "is required"},
		"'enabled' must be a boolean value":            {"enabled": "must be true or false"},
		"A field has a value that is not allowed.":     nil,
	} {
		recorder, body := answerTo(t, &domain.Error{Kind: domain.InvalidField, Fields: fields})
		assert.Equal(t, http.StatusBadRequest, recorder.Code)
		assert.Equal(t, message, body.Message)
		assert.Equal(t, fields, body.Fields)
	}
}

// Whatever is not understood is a fault of ours, and its text is nobody's business.
func TestWriteError_AnswersWhatItDoesNotKnowAsInternalAndKeepsTheCauseToItself(t *testing.T) {
	for name, err := range map[string]error{
		"a foreign error":             errors.New("dial tcp 10.0.0.1: s3cret"),
		"a foreign error, wrapped":    fmt.Errorf("find user: %w", errors.New("s3cret")),
		"a kind that nobody knows":    domain.Kind("s3cret_kind"),
		"an error of an unknown kind": &domain.Error{Kind: "s3cret_kind", Message: "s3cret", Fields: map[string]string{"s3cret": "s3cret"}},
		"the provider refuses us":     &domain.Error{Kind: domain.Internal, Err: errors.New("403 s3cret")},
		"a cause of another kind":     &domain.Error{Kind: domain.Internal, Err: fmt.Errorf("s3cret: %w", domain.NotFound)},
	} {
		recorder, body := answerTo(t, err)
		assert.Equal(t, http.StatusInternalServerError, recorder.Code, name)
		assert.Equal(t, errorBody{Status: "error", Code: "internal", Message: errorTable()[domain.Internal].message, RequestID: "r1"}, body, name)
		assert.NotContains(t, recorder.Body.String(), "s3cret", name)
	}
}

func TestWriteError_AnswersTheEndOfTheContextAsUnavailable(t *testing.T) {
	for _, err := range []error{context.Canceled, fmt.Errorf("find user: %w", context.DeadlineExceeded)} {
		recorder, body := answerTo(t, err)
		assert.Equal(t, http.StatusServiceUnavailable, recorder.Code)
		assert.Equal(t, domain.Unavailable.Error(), body.Code)
	}
}

// The document names each code once for all and again at each answer that can carry
// it. All three places must agree, or a developer looks for the wrong one.
func TestErrorTable_AreTheDocumentsCodes(t *testing.T) {
	spec, err := openapi3.NewLoader().LoadFromData(openAPIDocument)
	require.NoError(t, err)
	var table []any
	for kind := range errorTable() {
		table = append(table, kind.Error())
	}
	schema := spec.Components.Schemas["ErrorCode"].Value
	assert.ElementsMatch(t, table, schema.Enum)
	for _, code := range table {
		assert.Contains(t, schema.Description, fmt.Sprintf("- `%s`: ", code))
	}

	var answered []any
	collect := func(status int, response *openapi3.Response) {
		for _, code := range codesOf(response) {
			assert.Equal(t, errorTable()[domain.Kind(code.(string))].status, status, code)
			answered = append(answered, code)
		}
	}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				number, err := strconv.Atoi(status)
				require.NoError(t, err)
				collect(number, response.Value)
			}
		}
	}
	collect(http.StatusNotFound, spec.Components.Responses["NoSuchAddress"].Value)
	collect(http.StatusMethodNotAllowed, spec.Components.Responses["MethodNotAllowed"].Value)
	assert.Subset(t, answered, table, "a code that no answer carries")
}

// codesOf returns the codes that an answer can carry.
func codesOf(response *openapi3.Response) []any {
	media := response.Content["application/json"]
	if media == nil {
		return nil
	}
	for _, part := range media.Schema.Value.AllOf {
		if code := part.Value.Properties["code"]; code != nil && part.Ref == "" {
			return slices.Clone(code.Value.Enum)
		}
	}
	return nil
}
