// Runs once the style sheets are there: the parts of the font that have a page's letters come while the scripts do, not
// after the first words.
document.fonts.load("1em 'Pretendard Variable'", document.currentScript.dataset.letters);
