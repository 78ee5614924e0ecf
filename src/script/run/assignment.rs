//! Which message meets which expectation of `any-order`.
//!
//! Each message meets at most one expectation. The assignment is a matching in a bipartite graph, found by
//! augmenting paths (Kuhn's algorithm), so a message that meets two expectations is given to the one that no
//! other message meets. Expectations with the earliest deadline are served first.

/// The messages that are needed, and the expectations that they meet.
#[derive(Debug)]
pub(super) struct Assignment {
    /// The expectations in the order of their deadlines.
    order: Vec<usize>,
    /// Of each message that is kept, the expectations that it meets.
    messages: Vec<Vec<usize>>,
    /// Of each expectation, the message that it is given.
    given: Vec<Option<usize>>,
}

impl Assignment {
    /// No message yet; `order` has each expectation once, the earliest deadline first.
    pub(super) fn new(order: Vec<usize>) -> Self {
        Self {
            messages: Vec::new(),
            given: vec![None; order.len()],
            order,
        }
    }

    /// Adds a message that meets these expectations. Returns false, and forgets the message, if the messages
    /// before it already meet all expectations that it could help to meet. It can never help later: every
    /// expectation that it could reach has its message, and those messages reach no others.
    pub(super) fn add(&mut self, meets: Vec<usize>) -> bool {
        self.messages.push(meets);
        let message = self.messages.len() - 1;
        let mut visited = vec![false; self.given.len()];
        if !self.place(message, &mut visited) {
            self.messages.pop();
            return false;
        }
        self.prefer_the_earliest();
        true
    }

    /// Whether an expectation has its message.
    pub(super) fn is_met(&self, expectation: usize) -> bool {
        self.given[expectation].is_some()
    }

    /// Whether all have.
    pub(super) fn is_complete(&self) -> bool {
        self.given.iter().all(Option::is_some)
    }

    /// Gives a message to an expectation, moving others if necessary.
    fn place(&mut self, message: usize, visited: &mut [bool]) -> bool {
        for at in 0..self.messages[message].len() {
            let expectation = self.messages[message][at];
            if std::mem::replace(&mut visited[expectation], true) {
                continue;
            }
            let holder = self.given[expectation];
            if holder.is_none_or(|holder| self.place(holder, visited)) {
                self.given[expectation] = Some(message);
                return true;
            }
        }
        false
    }

    /// Assigns all messages anew, so that the expectations that are met are the first possible ones.
    fn prefer_the_earliest(&mut self) {
        let mut taken = vec![None; self.messages.len()];
        for at in 0..self.order.len() {
            let mut visited = vec![false; self.messages.len()];
            self.serve(self.order[at], &mut taken, &mut visited);
        }
        self.given.fill(None);
        for (message, expectation) in taken.iter().enumerate() {
            if let Some(expectation) = *expectation {
                self.given[expectation] = Some(message);
            }
        }
    }

    fn serve(&self, expectation: usize, taken: &mut [Option<usize>], visited: &mut [bool]) -> bool {
        for (message, meets) in self.messages.iter().enumerate() {
            if !meets.contains(&expectation) || std::mem::replace(&mut visited[message], true) {
                continue;
            }
            let holder = taken[message];
            if holder.is_none_or(|holder| self.serve(holder, taken, visited)) {
                taken[message] = Some(expectation);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn met(expectations: usize, messages: &[&[usize]]) -> Vec<usize> {
        let mut assignment = Assignment::new((0..expectations).collect());
        for message in messages {
            assignment.add(message.to_vec());
        }
        let all = 0..expectations;
        all.filter(|expectation| assignment.is_met(*expectation))
            .collect()
    }

    #[test]
    fn a_message_is_given_where_it_is_needed() {
        // The first message meets both; the second only the first expectation.
        assert_eq!(met(2, &[&[0, 1], &[0]]), [0, 1]);
        assert_eq!(met(2, &[&[0], &[0, 1]]), [0, 1]);
        assert_eq!(met(3, &[&[0, 1], &[1, 2], &[0]]), [0, 1, 2]);
        assert_eq!(met(2, &[&[0], &[0], &[0]]), [0]);
        // One message for two: the one with the earlier deadline.
        assert_eq!(met(2, &[&[1, 0]]), [0]);
        let mut assignment = Assignment::new(vec![1, 0]);
        assert!(assignment.add(vec![0, 1]));
        assert!(assignment.is_met(1) && !assignment.is_met(0));
        assert!(!assignment.is_complete());
        assert!(assignment.add(vec![1]), "the first is moved");
        assert!(assignment.is_complete());
        assert!(!assignment.add(vec![0, 1]), "nothing is left to meet");
    }

    /// The most expectations that any assignment meets, by trying all.
    fn most(messages: &[Vec<usize>], met: u32) -> u32 {
        let Some((message, rest)) = messages.split_first() else {
            return met.count_ones();
        };
        let free = message.iter().filter(|at| met & (1 << **at) == 0);
        free.map(|at| most(rest, met | 1 << at))
            .chain([most(rest, met)])
            .max()
            .unwrap_or_default()
    }

    proptest! {
        #[test]
        fn no_assignment_meets_more(
            messages in prop::collection::vec(prop::collection::btree_set(0..5_usize, 1..4), 0..7),
        ) {
            let messages: Vec<Vec<usize>> = messages.iter().map(|set| set.iter().copied().collect()).collect();
            let mut assignment = Assignment::new(vec![4, 2, 0, 1, 3]);
            for message in &messages {
                assignment.add(message.clone());
            }
            let met = (0..5).filter(|at| assignment.is_met(*at)).count();
            prop_assert_eq!(met, most(&messages, 0) as usize);
        }
    }
}
