// Sends the page's only form by itself; its button does the same where scripts are switched off.
document.forms[0].requestSubmit();
