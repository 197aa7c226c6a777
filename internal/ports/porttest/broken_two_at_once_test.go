package porttest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"user-sync-service/internal/domain"
)

// The clauses about two calls that meet.
const (
	switchHolds  = "SetEnabled/HoldsBesideOtherWrites"
	byAddressToo = "FindUser/FindsUsersFromBeforeAddressesWereUsernames"
	editHolds    = "UpdateUser/HoldsBesideAnotherEdit"
	oneValue     = "UpdateUser/LeavesOneOfTwoValues"
	roleHolds    = "UpdateUser/HoldsBesideAnAssignment"
	actionsHold  = "SetRequiredActions/HoldsBesideOtherWrites"
)

// late makes the writes of switches, actions and roles take a moment, in which a slower
// write may have read the user.
func late(f *faulty) {
	const moment = time.Millisecond
	f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
		time.Sleep(moment)
		return f.Provider.SetEnabled(ctx, id, enabled)
	}
	f.setRequiredActions = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction) error {
		time.Sleep(moment)
		return f.Provider.SetRequiredActions(ctx, id, actions)
	}
	f.assign = func(ctx context.Context, id domain.UserID, assignment domain.Assignment) (domain.Group, error) {
		time.Sleep(moment)
		return f.Provider.Assign(ctx, id, assignment)
	}
}

// aroundUpdate makes UpdateUser run read before the others write, and what that returns
// after them.
func aroundUpdate(f *faulty, read func(domain.User) (writeBack func(context.Context) error)) {
	late(f)
	f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
		writeBack := read(f.userWithID(id))
		time.Sleep(2 * time.Millisecond)
		unstored, err := f.Provider.UpdateUser(ctx, id, change)
		if err == nil {
			err = writeBack(ctx)
		}
		return unstored, err
	}
}

// brokenTwoAtOnce are providers that write back what they have read before somebody else
// wrote.
func brokenTwoAtOnce() []brokenProvider {
	return []brokenProvider{
		{
			name: "writes the whole user back after an edit, the switch too",
			fault: func(f *faulty) {
				aroundUpdate(f, func(read domain.User) func(context.Context) error {
					return func(ctx context.Context) error { return f.Provider.SetEnabled(ctx, read.ID, read.Enabled) }
				})
			},
			breaks: []string{switchHolds, keepsLock},
		},
		{
			name: "writes the name back that it has read before it disables",
			fault: func(f *faulty) {
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					time.Sleep(time.Millisecond)
					return f.Provider.UpdateUser(ctx, id, change)
				}
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					read := f.userWithID(id)
					time.Sleep(2 * time.Millisecond)
					err := f.Provider.SetEnabled(ctx, id, enabled)
					if err == nil && !enabled {
						_, err = f.Provider.UpdateUser(ctx, id, domain.UserChange{FirstName: &read.FirstName})
					}
					return err
				}
			},
			breaks: []string{switchHolds},
		},
		{
			name: "forgets one of two edits at the same moment",
			fault: func(f *faulty) {
				var busy sync.Map // by user: true while one is edited
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					if _, other := busy.LoadOrStore(id, true); other {
						return nil, f.Provider.Check(ctx)
					}
					defer busy.Delete(id)
					time.Sleep(time.Millisecond)
					return f.Provider.UpdateUser(ctx, id, change)
				}
			},
			breaks: []string{editHolds},
		},
		{
			name: "stores both of two values, and then refuses every change",
			fault: func(f *faulty) {
				var busy, doubled sync.Map // by user: the change under way; true
				f.updateUser = func(ctx context.Context, id domain.UserID, change domain.UserChange) ([]domain.Attribute, error) {
					if _, refused := doubled.Load(id); refused {
						return nil, &domain.Error{Kind: domain.InvalidField}
					}
					if other, met := busy.LoadOrStore(id, change); met && shareAttribute(other.(domain.UserChange), change) {
						doubled.Store(id, true)
					}
					time.Sleep(time.Millisecond)
					busy.Delete(id)
					return f.Provider.UpdateUser(ctx, id, change)
				}
			},
			breaks: []string{oneValue},
		},
		{
			name: "writes the roles back that it has read before an edit",
			fault: func(f *faulty) {
				aroundUpdate(f, func(read domain.User) func(context.Context) error {
					held, _ := f.Provider.Memberships(context.Background(), read.ID)
					return func(ctx context.Context) error {
						now, err := f.Provider.Memberships(ctx, read.ID)
						for _, role := range now.Roles {
							if !slices.Contains(held.Roles, role) {
								err = f.Provider.Unassign(ctx, read.ID, domain.Assignment{Role: role})
							}
						}
						return err
					}
				})
			},
			breaks: []string{roleHolds},
		},
		{
			name: "writes the required actions back that it has read before an edit",
			fault: func(f *faulty) {
				aroundUpdate(f, func(read domain.User) func(context.Context) error {
					return func(ctx context.Context) error {
						return f.Provider.SetRequiredActions(ctx, read.ID, read.RequiredActions)
					}
				})
			},
			breaks: []string{actionsHold},
		},
		{
			name: "is never done when others write the same user",
			fault: func(f *faulty) {
				var met sync.Map // by user: true
				f.endSessions = func(ctx context.Context, id domain.UserID) error {
					met.Store(id, true)
					return f.Provider.EndSessions(ctx, id)
				}
				f.setEnabled = func(ctx context.Context, id domain.UserID, enabled bool) error {
					time.Sleep(time.Millisecond)
					if _, other := met.Load(id); other && !enabled {
						return &domain.Error{Kind: domain.Partial}
					}
					return f.Provider.SetEnabled(ctx, id, enabled)
				}
			},
			breaks: []string{switchHolds},
		},
	}
}

func shareAttribute(one, other domain.UserChange) bool {
	for name := range one.Attributes {
		if _, both := other.Attributes[name]; both {
			return true
		}
	}
	return false
}
