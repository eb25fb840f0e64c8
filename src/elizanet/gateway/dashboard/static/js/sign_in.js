// Who comes from another site's link sends no cookie with it, but may be signed in all the same.

const answer = await fetch('/dashboard/session').catch(() => null);
if (answer?.ok && (await answer.json()).signed_in) location.replace('/dashboard');
