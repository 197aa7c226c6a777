package domain_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"user-sync-service/internal/domain"
)

func TestAllAttributes_AreInAlphabeticalOrder(t *testing.T) {
	all := domain.AllAttributes()
	assert.ElementsMatch(t, []domain.Attribute{
		"fineract_user_id", "office_id", "office_name", "employee_id", "mobile_number", "fineract_role",
	}, all)
	assert.True(t, slices.IsSorted(all), all)

	all[0] = "spoilt"
	assert.NotContains(t, domain.AllAttributes(), domain.Attribute("spoilt"), "the list is the caller's own")
}
