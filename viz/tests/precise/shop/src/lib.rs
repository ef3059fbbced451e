//! A shop whose calls syntax alone does not tell: what macros make has no types for it.

use std::array::from_fn;

/// Something that holds a cart.
macro_rules! holder {
    ($name:ident) => {
        pub struct $name {
            cart: Cart,
        }
        impl $name {
            pub fn cart(&self) -> &Cart {
                &self.cart
            }
            pub fn snapshot(&self) -> u64 {
                0
            }
        }
    };
}

/// `with!(cart of holder => expression)`
macro_rules! with {
    ($cart:ident of $holder:expr => $body:expr) => {{
        let $cart = $holder.cart();
        $body
    }};
}

holder!(Shelf);

pub struct Item {
    grams: u64,
}

impl Item {
    pub fn weight(&self) -> u64 {
        self.grams
    }
}

pub trait Priced {
    fn price(&self) -> u64;
}

impl Priced for Item {
    fn price(&self) -> u64 {
        self.grams * 2
    }
}

pub struct Cart {
    items: Vec<Item>,
}

impl Cart {
    pub fn weight(&self) -> u64 {
        self.items.iter().map(|item| item.weight()).sum()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn total(&self) -> u64 {
        self.items.iter().map(|item| item.price()).sum()
    }

    pub fn snapshot(&self) -> u64 {
        self.total()
    }

    pub fn any(&self) -> &dyn Priced {
        &self.items[0]
    }
}

pub fn several_have_the_name(cart: &Cart) -> u64 {
    from_fn::<_, 1, _>(|_| cart)[0].weight()
}

pub fn std_has_the_name(cart: &Cart) -> usize {
    from_fn::<_, 1, _>(|_| cart)[0].len()
}

pub fn the_only_one_of_its_name(cart: &Cart) -> u64 {
    from_fn::<_, 1, _>(|_| cart)[0].total()
}

pub fn another_one_of_that_name(shelf: &Shelf) -> u64 {
    from_fn::<_, 1, _>(|_| shelf)[0].snapshot()
}

pub fn really_elsewhere() -> usize {
    from_fn::<_, 1, _>(|_| "")[0].len()
}

pub fn taken_for_one_of_elsewhere(shelf: &Shelf) -> u64 {
    shelf.cart().weight()
}

pub fn in_a_macro(shelf: &Shelf) -> u64 {
    with!(cart of shelf => cart.weight())
}

pub fn through_a_trait(shelf: &Shelf) -> u64 {
    shelf.cart().any().price()
}

pub fn handed_over(shelf: &Shelf) -> Option<u64> {
    Some(shelf.cart()).map(Cart::weight)
}
