// Package domain holds the nouns and rules of the User Sync Service. It knows no
// transport, no provider and no configuration, and imports the standard library
// only; every other package may use it.
//
// The vocabulary, on one page:
//
//   - A user is a person's account at the identity provider. It has an id given by
//     the provider, a username, and often an e-mail address. See [User].
//   - A username is unique without regard to letter case and names exactly one user.
//     See [Username].
//   - The identity provider is the system that holds users and signs them in; it is
//     the only truth, this program keeps no state.
//   - A realm is the identity provider's own closed world of users, roles and groups;
//     one run of the service serves one realm.
//   - A Fineract role is the role an administrator picks in the admin web app. The
//     role map turns it into an assignment: one realm role and at most one group.
//     See [RoleMap] and [Assignment].
//   - The drift of an existing user is what it lacks of the assignment. It may be repaired
//     for a managed user, which is one that this program created.
//   - A realm role is a right at the identity provider; a group gathers users and may
//     carry further realm roles. See [RealmRole] and [Group].
//   - An attribute is a text that an account carries for Fineract, such as the id of the
//     office. Realms keep those that they declare. See [Attribute].
//   - A required action is something users must do at their next sign-in, such as
//     changing the password. See [RequiredAction].
//   - A temporary password is generated here, handed out once, and must be changed at
//     the first sign-in. It satisfies the realm's password policy. See
//     [PasswordPolicy] and [GeneratePassword].
//   - A secret is text that must never be printed. See [Secret].
//   - The actor is the administrator whose request it is; the target is the user
//     acted upon. See [Actor].
//   - The guard says which targets are protected and which privileged roles a sync may
//     grant. See [Guard] and [Rights].
//   - An attempt is one actor's try to do one action; each leaves one event in the
//     audit log. See [AuditEvent].
package domain
