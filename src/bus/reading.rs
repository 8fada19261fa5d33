//! Reading: what can be asked of a message that came, the same of each kind.

/// The readers of a type whose letter is `$letter`, and is given away as `$given`.
macro_rules! reads_letter {
    ($type:ty, |$message:ident| $letter:expr, $given:expr) => {
        impl $type {
            /// Its payload.
            pub fn body(&self) -> &[u8] {
                let $message = self;
                $letter.body()
            }

            /// Its payload, taken out; it is not copied where nobody else has it.
            pub fn into_body(self) -> Vec<u8> {
                let $message = self;
                $given
            }

            /// Its payload as text; what is no UTF-8 is replaced by `U+FFFD`.
            pub fn text(&self) -> ::std::borrow::Cow<'_, str> {
                let $message = self;
                $letter.text()
            }

            /// Its payload, read from JSON.
            pub fn json<T: crate::json::FromJson>(&self) -> Result<T, crate::json::Error> {
                crate::json::from_slice(self.body())
            }

            /// What its payload is, if whoever made it says so.
            pub fn content(&self) -> Option<crate::bus::content::Content> {
                let value = self.header(crate::bus::content::HEADER)?;
                crate::bus::content::Content::of_header(value)
            }

            /// The value of the first header of that name; capitals do not matter.
            pub fn header(&self, name: &str) -> Option<&str> {
                let $message = self;
                $letter.header(name)
            }

            /// Its headers, in order.
            pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
                let $message = self;
                $letter.headers()
            }

            /// The name of the client that it is from, or else its identity. The table says it,
            /// so nobody can forge it; `None` where nobody said it.
            pub fn from(&self) -> Option<::std::borrow::Cow<'_, str>> {
                let $message = self;
                $letter.from()
            }
        }

        impl AsRef<[u8]> for $type {
            fn as_ref(&self) -> &[u8] {
                self.body()
            }
        }
    };
}

pub(crate) use reads_letter;
