// What somebody wanted to see is in the fragment of the address: it goes with them through the form.
// Who comes from another site's link sends no cookie with it, but may be signed in all the same.

document.querySelector('form').action = `/dashboard/sign-in${location.hash}`;
document.getElementById('ended').hidden = location.search !== '?ended';

const answer = await fetch('/dashboard/session').catch(() => null);
if (answer?.ok && (await answer.json()).signed_in) location.replace(`/dashboard${location.hash}`);
