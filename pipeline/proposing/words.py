"""What names of columns mean: usual words for roles and efforts, in a few languages."""

import re
import unicodedata
from collections.abc import Iterable

from pipeline.panel.reading.sample import Column

_WORDS = {
    "posting": "debit credit account soll haben konto дебет кредит счет проводк",
    "price": "price preis цена цены prix precio prezzo preco fiyat баға",
    "share": "share anteil доля доли cuota quota part",
    "outcome": "cogs margin profit wareneinsatz einstand gewinn marge себестоим прибыл маржа",
    "promotion": "promo feature display deal coupon discount aktion rabatt angebot акци промо скидк remise "
    "descuento oferta sconto жеңілдік",
    "quantity": "quantity qty units unit volume ounces pieces absatz menge stuck stueck количеств объем штук "
    "quantite unites unidades cantidad volumen pezzi adet",
    "expense": "spend expense expenditure budget advertis adspend adv ad ads marketing media tv radio online "
    "digital print outdoor social werb ausgaben kosten cost реклам расход затрат бюджет publicit "
    "depense gasto publicidad pubblicita spesa reklam harcama жарнама шығын",
    "sales": "sales revenue turnover umsatz erlos verkauf выручк продаж оборот сбыт ventes chiffre ventas "
    "ingresos facturacion vendite fatturato vendas satis ciro сатыл",
    "time": "week date day month quarter year period time woche kw datum tag monat quartal jahr zeit "
    "periode недел дата день месяц квартал год период semaine jour mois trimestre annee semana "
    "fecha dia mes ano periodo settimana hafta tarih апта жыл",
    "market": "market store shop outlet region city town country area branch location channel territory "
    "district mall centre center markt filiale laden geschaft stadt land gebiet kanal рынок рынк "
    "магазин город регион филиал область страна центр marche magasin ville mercado tienda ciudad "
    "pais negozio citta magaza sehir дүкен қала",
    "firm": "brand firm company manufacturer maker seller retailer competitor vendor make product sku "
    "item marke firma hersteller unternehmen anbieter produkt artikel бренд марка марки фирм "
    "компани производител товар продукт конкурент marque entreprise fabricant produit marca "
    "empresa producto azienda sirket",
    "shop": "shop store outlet branch filiale laden geschaft магазин точк magasin tienda negozio magaza "
    "дүкен",
}
# The first meaning of a name counts: a sales price is a price, and a market share is no market.
NUMERIC = ("posting", "price", "share", "outcome", "promotion", "quantity", "expense", "sales")
"""Meanings of columns of numbers."""
LABELS = ("time", "firm", "market")
"""Meanings of columns of labels."""
SHOP = ("shop",)
"""Markets that are firms where they stand in a larger market: shops of a town."""
_CYRILLIC = dict(zip("абвгдезийклмнопрстуфхыэіғқңөұүһә", "abvgdeziyklmnoprstufhyeigqnouuha", strict=True))
_CYRILLIC |= {
    "ё": "e",
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
}
_CYRILLIC |= {"ъ": "", "ь": ""}


def plain(text: str) -> str:
    """Write a text in small letters without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_STEMS = {meaning: tuple(plain(word) for word in words.split()) for meaning, words in _WORDS.items()}


def meaning(name: str, among: Iterable[str]) -> str | None:
    """Tell what a column is, by its name.

    Parameters
    ----------
    name : str
        Name of the column.
    among : iterable of str
        The meanings it may have, the first that fits counts: `NUMERIC` or `LABELS`.

    Returns
    -------
    str or None
        None where no word is known.
    """
    tokens = tokens_of(name)
    return next((kind for kind in among if _says(tokens, kind)), None)


def meaning_of(column: Column, among: Iterable[str]) -> str | None:
    """Tell what a column is, by its name, or by its title where the name says nothing."""
    return meaning(column.title if says_nothing(column) else column.name, among)


def says_nothing(column: Column) -> bool:
    """Tell whether the name of a column means nothing, and it has a title."""
    return bool(column.title) and meaning(column.name, (*NUMERIC, *LABELS)) is None


def _says(tokens: list[str], kind: str) -> bool:
    if kind == "outcome" and "cost" in tokens and not {"product", "goods", "sales"}.isdisjoint(tokens):
        return True
    return any(_fits(token, stem) for token in tokens for stem in _STEMS[kind])


def _fits(token: str, stem: str) -> bool:
    """Tell whether a word has a stem; long ones may stand inside a compound (Verkaufspreis)."""
    if len(stem) <= 3:
        return token == stem
    return stem in token if len(stem) >= 5 else token.startswith(stem)


def tokens_of(name: str) -> list[str]:
    """Split a name into words in small letters without accents: ``adSpend_TV`` is ad, spend, tv."""
    parted = re.sub(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])", " ", name)
    return re.findall(r"[^\W\d_]+", plain(parted))


def identifier(text: str, taken: Iterable[str] = ()) -> str:
    """Make a name that formulas and studies can use: ``Preis je Stück`` is preis_je_stuck.

    Parameters
    ----------
    text : str
        Any text.
    taken : iterable of str
        Names that are used already; the new one is another.
    """
    # й is и with a breve: it has to be written in Latin before accents go.
    latin = "".join(_CYRILLIC.get(character, character) for character in text.casefold())
    name = re.sub(r"[^a-z0-9]+", "_", plain(latin)).strip("_")[:40] or "column"
    name = f"x_{name}" if name[0].isdigit() else name
    used, number, free = set(taken), 2, name
    while free in used:
        free, number = f"{name}_{number}", number + 1
    return free
