// Package domain holds the nouns and rules of the User Sync Service. It knows no
// transport, no provider and no configuration, and imports the standard library only;
// every other package may use it.
//
// The vocabulary, on one page:
//
//   - A user is a person's account at the identity provider. It has an id given by the
//     provider, a username, and often an e-mail address. See [User].
//   - A username names exactly one user, whatever its letter case. See [Username].
//   - The identity provider is the system that holds users and signs them in. It is the
//     only truth: this program keeps no state.
//   - A realm is the identity provider's closed world of users, roles and groups; one run
//     of the service serves one realm.
//   - A realm role is a right at the identity provider; a group gathers users and may carry
//     realm roles. An effective role is one that a user holds directly, through a group or
//     through another role. See [RealmRole], [Group] and [AccountDetails].
//   - A Fineract role is the role that an administrator picks in the admin web app. The role
//     map turns it into an assignment: one realm role and at most one group. See [RoleMap]
//     and [Assignment].
//   - A mark is what a creation puts on a user, by which the user is known as ours later. A
//     managed user is one that this program is known to have created.
//   - The drift of an existing user is what it lacks of its assignment. A sync may repair it
//     for managed users.
//   - An attribute is a text that a user carries for Fineract, such as the id of the office.
//     Realms keep those that they declare. See [Attribute].
//   - A required action is something a user must do at the next sign-in, such as changing
//     the password. See [RequiredAction].
//   - A temporary password is generated here, handed out once, and must be changed at the
//     first sign-in. It satisfies the realm's password policy. See [PasswordPolicy] and
//     [GeneratePassword].
//   - A secret is text that must never be printed. See [Secret].
//   - The actor is the administrator whose request it is; the target is the user acted upon.
//     See [Actor].
//   - The guard says which targets are protected and which privileged roles a sync may
//     grant. See [Guard] and [Rights].
//   - An attempt is one actor's try to do one action; each leaves one event in the audit
//     log. See [AuditEvent].
//   - A finding is one thing that the doctor has found wrong with the set-up, and a remedy
//     says how to mend it. See [Finding] and [RealmNeeds].
package domain
