/** The embedding page's part. Here the user, the account and the language come from the address: ?user=U-1&account=A-100&lang=ru */
const wish = new URLSearchParams(location.search);
const cabinet = document.querySelector('extending-subscription');

document.documentElement.lang = cabinet.lang = wish.get('lang') ?? 'en';
document.querySelector('h1').textContent = cabinet.lang === 'ru' ? 'Личный кабинет' : 'Your account';
cabinet.setAttribute('account-id', wish.get('account') ?? 'A-100');

cabinet.addEventListener('extension-granted', ({ detail }) => console.info('granted', detail.subscription_id, detail.extension.ends_at));
cabinet.addEventListener('extension-refused', ({ detail }) => console.info('refused', detail.subscription_id, detail.code));

// Set last: with a token the component has all it needs, and asks for its list once.
cabinet.getToken = async () => {
  const response = await fetch(`/token?user=${encodeURIComponent(wish.get('user') ?? 'U-1')}`);
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return (await response.json()).access_token;
};
