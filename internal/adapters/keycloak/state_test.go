package keycloak_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

func TestState_CountsCallsUnderWay(t *testing.T) {
	s, p, _ := warmed(t)
	assert.Zero(t, p.State().UnderWay)
	reached, goOn := make(chan struct{}), make(chan struct{})
	s.spoil("GET users", func(w http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		<-goOn
		answer(w, http.StatusOK, "[]")
	})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { assert.ErrorIs(t, findPresent(t, p), domain.NotFound) })
		<-reached
	}
	assert.Equal(t, 3, p.State().UnderWay)
	close(goOn)
	all.Wait()
	assert.Zero(t, p.State().UnderWay)
}

func TestState_TellsTheCircuit(t *testing.T) {
	t.Parallel()
	_, p, _ := warmed(t)
	assert.Equal(t, "closed", p.State().Circuit)
	assert.Equal(t, "closed", p.State().MailCircuit)

	s, p, heal := opened(t)
	assert.Equal(t, "open", p.State().Circuit)
	heal()
	probing, goOn := make(chan struct{}), make(chan struct{})
	heal = s.spoil("GET users", func(w http.ResponseWriter, _ *http.Request) {
		close(probing)
		<-goOn
		answer(w, http.StatusOK, "[]")
	})
	time.Sleep(circuitDelay)
	probe := make(chan error, 1)
	go func() { probe <- findPresent(t, p) }()
	<-probing
	assert.Equal(t, "half_open", p.State().Circuit)
	close(goOn)
	require.ErrorIs(t, <-probe, domain.NotFound)
	heal()
	assert.Equal(t, "closed", p.State().Circuit)
}

func TestState_TellsTheAgeOfTheToken(t *testing.T) {
	s, c := newStub(t), newClock()
	p := s.provider(t, c.set)
	assert.False(t, p.State().LoggedIn)
	s.answers("POST token", 1, saying(500, "application/json", `{}`))
	require.Error(t, p.Check(t.Context()))
	assert.False(t, p.State().LoggedIn, "it was refused")
	require.NoError(t, p.Check(t.Context()))
	assert.True(t, p.State().LoggedIn)
	c.pass(100 * time.Second)
	assert.Equal(t, 100*time.Second, p.State().TokenAge)
	c.pass(time.Hour)
	require.NoError(t, p.Check(t.Context()))
	assert.Zero(t, p.State().TokenAge, "a new one")
}
